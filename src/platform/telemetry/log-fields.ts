import { currentContext, subjectsOf } from './request-context.js';

/** Fields of the request context for every line; a line's own fields take precedence. */
export function fieldsOfWork(): Record<string, string> {
  const context = currentContext();
  if (!context) return {};
  const { work, trace } = context;
  return {
    ...(work.requestId !== undefined && { requestId: work.requestId }),
    ...subjectsOf(work, 'logged'),
    ...(trace && { traceId: trace.traceId }),
  };
}

/** The logged fields of an error. */
interface LoggedError {
  type: string;
  message: string;
  code?: string;
  /** Of a database error: the rule that was broken. */
  constraint?: string;
  stack?: string;
  cause?: LoggedError;
}

/** An error that has itself for a cause, or a very long line of them, ends here. */
const MAX_CAUSES = 5;

/** SQLSTATEs of data that PostgreSQL objects to, and quotes; all other messages of its quote names of the schema only. */
const DATA_EXCEPTION = /^22[0-9A-Z]{3}$/;

/**
 * An error for the log: its class, code and stack, and nothing else. Other fields may hold personal data, such as the
 * parameters of a statement or the row that PostgreSQL rejected.
 */
export function loggedError(error: unknown, depth = 1): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? '(no error)' : error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const constraint =
    'constraint' in error && typeof error.constraint === 'string' ? error.constraint : undefined;
  const quotesData = code !== undefined && DATA_EXCEPTION.test(code);
  const logged: LoggedError = {
    type: error.name,
    message: quotesData ? withoutQuotes(error.message) : error.message,
    ...(code !== undefined && { code }),
    ...(constraint !== undefined && { constraint }),
    ...(error.stack !== undefined && { stack: framesOf(error.stack) }),
  };
  if (error.cause instanceof Error && depth < MAX_CAUSES) {
    logged.cause = loggedError(error.cause, depth + 1) as LoggedError;
  }
  return logged;
}

/** From the first quote to the last, as a value may hold quotes itself. */
function withoutQuotes(message: string): string {
  return message.replace(/"[^]*"/, '"…"');
}

/** Only the frames: the lines above them repeat the message. */
function framesOf(stack: string): string {
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return lines.join('\n');
}

/** Something that looks like an e-mail address, also where it is percent-encoded. */
const EMAIL = /[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;

/**
 * The last line of defence: nothing of the service writes an e-mail address to the log, and what some library might
 * write in spite of it is taken out.
 */
export function withoutEmails(line: string): string {
  return line.includes('@') || line.includes('%40') ? line.replace(EMAIL, '(e-mail)') : line;
}
