import type { OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher, errors } from 'undici';
import type { Settings } from '../../config/settings.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import type { Deadline } from '../../platform/deadline.js';
import { codeOf } from '../../platform/upstream/undici-transport.js';
import { parseRetryAfter } from '../../platform/upstream/upstream-retry.js';
import type { AddressGuard } from './address-guard.js';
import { AddressNotAllowed, guardedConnector } from './guarded-connect.js';
import type { Resolve } from './host-resolver.js';
import { signatureHeaders } from './signature.js';

/** An answer that comes later is too late. Receivers store an event and answer; what takes longer, they do afterwards. */
export const ANSWER_TIMEOUT_MS = 10_000;

/** The rest of a longer answer is not read. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** Enough to recognise an error; it is stored with each delivery. */
export const MAX_KEPT_ANSWER_BYTES = 1_024;

/** Below the 5 s after which Node.js and uvicorn close an idle connection. */
const IDLE_CONNECTION_MS = 4_000;

const USER_AGENT = 'order-service-webhooks/1';

/** One call to an endpoint. */
export interface WebhookCall {
  url: string;
  /** The same for each attempt at the same event. */
  id: string;
  /** JSON. */
  body: string;
  /** As in `whsec_…`. */
  secrets: readonly string[];
}

/** How a call ended. 2xx is success, everything else is not. */
export interface AttemptResult {
  /** Null where no answer came. */
  status: number | null;
  durationMs: number;
  /** The beginning of the answer; null where there is none. May be personal. */
  answer: string | null;
  /** Why it failed, without anything of the answer or an address; null after a success. */
  error: string | null;
  /** `Retry-After` of a failure. */
  retryAfterMs?: number;
}

/** What is known once the head of the answer is there. */
type Head = Pick<AttemptResult, 'status' | 'error' | 'retryAfterMs'>;

/**
 * Calls endpoints of webhooks. Redirects are not followed and proxies not used: both would lead around the check of the
 * address.
 */
export class WebhookClient implements OnApplicationShutdown {
  private readonly agent: Agent;
  private readonly allowsHttp: boolean;

  /** @param resolve replaced in tests */
  constructor(guard: AddressGuard, { WEBHOOKS_ALLOW_HTTP }: Settings, resolve?: Resolve) {
    this.allowsHttp = WEBHOOKS_ALLOW_HTTP;
    this.agent = new Agent({
      connect: guardedConnector(guard, resolve),
      // The number of connections is that of the attempts at a time, which each endpoint has a limit for. A limit by
      // origin would let an endpoint that hangs hold up another one of the same host.
      pipelining: 1,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: IDLE_CONNECTION_MS,
      // The call has one timer for all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Makes one attempt. Never throws for an endpoint that fails. */
  async send({ url, id, body, secrets }: WebhookCall, deadline: Deadline): Promise<AttemptResult> {
    const startedAt = performance.now();
    const ended = (result: Omit<AttemptResult, 'durationMs'>): AttemptResult => ({
      ...result,
      durationMs: Math.round(performance.now() - startedAt),
    });
    const target = new URL(url);
    if (target.protocol !== 'https:' && !this.allowsHttp) return ended(failure('http is not allowed'));
    // A timer of its own: one of AbortSignal would keep running after the call.
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), Math.min(ANSWER_TIMEOUT_MS, deadline.remaining()));
    try {
      const response = await this.agent.request({
        origin: target.origin,
        path: `${target.pathname}${target.search}`,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': USER_AGENT,
          ...signatureHeaders({ id, body }, secrets, databaseNow()),
        },
        body,
        signal: timeout.signal,
      });
      return ended({ ...headOf(response), answer: await readBeginning(response.body) });
    } catch (error) {
      return ended(failure(timeout.signal.aborted ? 'no answer in time' : reasonOf(error)));
    } finally {
      clearTimeout(timer);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.close();
  }
}

function failure(error: string): Omit<AttemptResult, 'durationMs'> {
  return { status: null, answer: null, error };
}

function headOf({ statusCode: status, headers }: Dispatcher.ResponseData): Head {
  if (status >= 200 && status < 300) return { status, error: null };
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  return { status, error: `answered ${status}`, ...(retryAfterMs > 0 && { retryAfterMs }) };
}

/**
 * Reads an answer to its end, so that the connection can be used again, and at most `MAX_ANSWER_BYTES` of it. The status
 * has decided already: an answer that breaks off changes nothing.
 */
async function readBeginning(body: Dispatcher.ResponseData['body']): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (size < MAX_KEPT_ANSWER_BYTES) kept.push(chunk.subarray(0, MAX_KEPT_ANSWER_BYTES - size));
      size += chunk.length;
      // Ends the loop, which closes the connection.
      if (size > MAX_ANSWER_BYTES) break;
    }
  } catch {
    // Broken off or too slow.
  }
  // As a stream, so that a character that is cut is left out. PostgreSQL stores no NUL character.
  return new TextDecoder().decode(Buffer.concat(kept), { stream: true }).replaceAll('\0', '');
}

function reasonOf(error: unknown): string {
  if (error instanceof AddressNotAllowed) return error.message;
  if (error instanceof errors.HTTPParserError) return 'the answer is not HTTP';
  return `could not be reached, or the connection broke (${codeOf(error)})`;
}
