import type { Params } from 'nestjs-pino';
import type { Options } from 'pino-http';
import type { Settings } from '../config/settings.js';
import { fieldsOfWork, loggedError, withoutEmails } from './telemetry/log-fields.js';

/** Takes the lines of the log. */
export interface LogDestination {
  write(line: string): void;
}

/** Fields that would carry personal data or secrets, should an object that has them ever reach the log. */
const REDACTED = [
  'customer_name',
  'customer_email',
  'customerName',
  'customerEmail',
  'authorization',
  'headers.authorization',
];

const PRETTY = { target: 'pino-pretty', options: { ignore: 'pid,service,context', singleLine: true } };

/** The printer is a tool for developers, which an image for production does not contain. */
function hasPrettyPrinter(): boolean {
  try {
    import.meta.resolve(PRETTY.target);
    return true;
  } catch {
    return false;
  }
}

/**
 * JSON lines in production, for programs to read; lines for people in development. The lines about requests are written
 * by src/platform/http/request-log.ts, so that the logger needs no middleware.
 */
export function loggerOptions(settings: Settings, logTo?: LogDestination): Params {
  const options: Options = {
    level: settings.LOG_LEVEL,
    base: { service: 'order-service', pid: process.pid },
    autoLogging: false,
    mixin: fieldsOfWork,
    serializers: { err: (error: unknown) => loggedError(error) },
    wrapSerializers: false,
    hooks: { streamWrite: withoutEmails },
    redact: { paths: REDACTED, censor: '(redacted)' },
    ...(settings.NODE_ENV === 'development' && hasPrettyPrinter() && { transport: PRETTY }),
  };
  return { forRoutes: [], pinoHttp: logTo === undefined ? options : [options, logTo] };
}
