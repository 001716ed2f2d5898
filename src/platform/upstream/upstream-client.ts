import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpService } from '@nestjs/axios';
import type { AxiosResponse } from 'axios';
import type { Deadline } from '../deadline.js';
import { Semaphore, type InTurn, BulkheadFullError } from '../semaphore.js';
import { currentContext, fieldsToPassOn } from '../telemetry/request-context.js';
import { MAX_ANSWER_BYTES, TransportError } from './undici-transport.js';
import { observeAttempt, observeTurnedAway } from './upstream.metrics.js';
import { UpstreamCircuit } from './upstream-circuit.js';
import { readJson } from './upstream-body.js';
import { UpstreamFault } from './upstream-fault.js';
import {
  AttemptFailure,
  isAnswer,
  isFaultOfService,
  MAX_ATTEMPTS,
  mayPass,
  pauseAfter,
  readRetryAfter,
  unexpectedStatus,
} from './upstream-retry.js';

export interface UpstreamOptions {
  /** The service's name for people, as in `inventory service`; starts the message of every fault. */
  name: string;
  /** May have a path, with or without a slash at its end, and a user and password for basic authentication. */
  baseUrl: string;
  /** How long one attempt may take at most. */
  timeoutMs: number;
  /** Concurrent attempts; others wait in order of arrival. Unlimited by default. */
  concurrency?: number;
}

export interface UpstreamRequest {
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** The segments of the path, not encoded: identifiers may hold any character. */
  path: readonly string[];
  query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body?: Record<string, unknown>;
  /** Sent as `Idempotency-Key`. */
  idempotencyKey?: string;
  /** Bounds all attempts and the pauses between them. */
  deadline: Deadline;
  /** How long one attempt may take, in milliseconds, where it is not the client's own limit. */
  timeoutMs?: number;
  /**
   * Whether the service acts once however often it is sent this: true for GET and where it honours the key. All
   * else is sent again only when the attempt certainly had no effect.
   */
  idempotent: boolean;
  /** Size limit of the answer; 256 KiB unless set. */
  maxBytes?: number;
  /**
   * Use a new connection: for a call that must never be retried. The end of a kept connection at the moment of its
   * reuse leaves the outcome unknown.
   */
  ownConnection?: boolean;
  /** When each attempt may be made, where that is not the client's own limit of attempts at a time. */
  inTurn?: InTurn | undefined;
  /** Accept an answer of 2xx without a body, where the contract promises none. */
  mayBeEmpty?: boolean;
}

export interface UpstreamAnswer {
  /** 2xx, or 4xx other than 408, 425 and 429. */
  status: number;
  /** The parsed JSON; null where there is no body. Its shape is for the caller to check. */
  body: unknown;
}

/**
 * Attempt timeout of a call that no client waits for. The usual limit of 2 s protects the time of a client; here it would
 * abandon calls that a busy service still carries out, and send them again.
 */
export const BACKGROUND_TIMEOUT_MS = 10_000;

/** Segments that a URL can't hold: parsers remove the dots (RFC 3986, section 5.2.4), and nothing names a collection. */
const UNNAMEABLE_SEGMENTS = new Set(['', '.', '..']);

/** The answer for such a path, without a call: no service can have a resource of that name. */
const NO_SUCH_RESOURCE: UpstreamAnswer = { status: 404, body: { detail: 'No resource can have this name' } };

/** @returns the encoded path, or null when a segment can't be part of a URL */
function encodePath(segments: readonly string[]): string | null {
  const encoded: string[] = [];
  for (const segment of segments) {
    if (UNNAMEABLE_SEGMENTS.has(segment) || !segment.isWellFormed()) return null;
    encoded.push(encodeURIComponent(segment));
  }
  return encoded.join('/');
}

/** The subject of a call: the id in its path (`/inventory/{id}`), or the order or message of its key. */
function subjectOf({ path, idempotencyKey }: UpstreamRequest): string {
  return path[1] ?? idempotencyKey ?? path.join('/');
}

/** Calls one other service within a deadline, and classifies the results as answers and faults. */
export class UpstreamClient {
  readonly name: string;
  /** How long one attempt may take at most, in milliseconds. */
  readonly timeoutMs: number;
  private readonly origin: string;
  private readonly pathPrefix: string;
  private readonly authorization: string | undefined;
  private readonly circuit: UpstreamCircuit;
  private readonly gate: Semaphore;

  constructor(
    private readonly http: HttpService,
    options: UpstreamOptions,
  ) {
    const base = new URL(options.baseUrl);
    this.name = options.name;
    this.timeoutMs = options.timeoutMs;
    this.gate = new Semaphore(options.concurrency ?? Infinity);
    this.circuit = new UpstreamCircuit(options.name, isFaultOfService);
    this.origin = base.origin;
    this.pathPrefix = base.pathname.replace(/\/+$/, '');
    if (base.username !== '') {
      const credentials = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
      this.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    }
  }

  /**
   * Sends a request, and sends it again where that is safe and may help.
   *
   * @returns the service's answer: done (2xx) or refused (4xx)
   * @throws {UpstreamFault} when there is none. Only where it `hadNoEffect` is that certain
   */
  async request(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const path = encodePath(request.path);
    if (path === null) return NO_SUCH_RESOURCE;
    const target = request.query ? `${path}?${new URLSearchParams(request.query).toString()}` : path;
    // Once an attempt may have had its effect, a later one that had none does not make that certain of the whole call.
    let mayHaveActed: UpstreamFault | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(target, request);
      } catch (failure) {
        if (!(failure instanceof AttemptFailure)) throw failure;
        const { hadNoEffect } = failure.fault;
        if (!hadNoEffect) mayHaveActed = failure.fault;
        const pause = pauseAfter(attempt, failure);
        const again =
          attempt < MAX_ATTEMPTS &&
          failure.passing &&
          (request.idempotent || hadNoEffect) &&
          pause < request.deadline.remaining();
        if (!again) throw mayHaveActed ?? failure.fault;
        await sleep(pause);
      }
    }
  }

  private async attempt(target: string, request: UpstreamRequest): Promise<UpstreamAnswer> {
    const inTurn = request.inTurn ?? this.gate.run;
    try {
      return await inTurn(request.deadline, () => this.attemptNow(target, request));
    } catch (error) {
      if (!(error instanceof BulkheadFullError)) throw error;
      throw new AttemptFailure(this.fault('not_sent', 'other calls to it took all of the time'), false);
    }
  }

  private async attemptNow(target: string, request: UpstreamRequest): Promise<UpstreamAnswer> {
    const timeout = Math.min(request.timeoutMs ?? this.timeoutMs, request.deadline.remaining());
    if (timeout <= 0)
      throw new AttemptFailure(this.fault('not_sent', 'no time was left for the call'), false);
    const origin = { subject: subjectOf(request), caller: currentContext()?.work.caller };
    const made = await this.circuit.run(origin, () =>
      observeAttempt(this.name, request.method, () => this.send(target, request, timeout)),
    );
    if (made) return made.value;
    observeTurnedAway(this.name, request.method);
    // Nothing was sent. A retry within this call would add the wait that the circuit avoids.
    throw new AttemptFailure(this.fault('not_sent', 'is not asked for now, since it has failed'), false);
  }

  private async send(target: string, request: UpstreamRequest, timeout: number): Promise<UpstreamAnswer> {
    let response: AxiosResponse<Buffer>;
    try {
      // As an observable it would be cancelled once it is complete, for which axios makes an error each time.
      response = await this.http.axiosRef.request<Buffer>({
        method: request.method,
        baseURL: this.origin,
        url: `${this.pathPrefix}/${target}`,
        headers: this.headersFor(request),
        data: request.body === undefined ? undefined : JSON.stringify(request.body),
        timeout,
        maxContentLength: request.maxBytes ?? MAX_ANSWER_BYTES,
        ownConnection: request.ownConnection ?? false,
      });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      throw new AttemptFailure(this.fault(error.failure, error.message, error));
    }
    return this.read(response, request.mayBeEmpty ?? false);
  }

  private headersFor(request: UpstreamRequest): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json', ...fieldsToPassOn() };
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
    if (this.authorization !== undefined) headers['authorization'] = this.authorization;
    return headers;
  }

  private read(response: AxiosResponse<Buffer>, mayBeEmpty: boolean): UpstreamAnswer {
    const { status, data } = response;
    if (!isAnswer(status)) {
      const pause = readRetryAfter(status, response.headers['retry-after']);
      throw new AttemptFailure(unexpectedStatus(this.name, status), mayPass(status), pause, status);
    }
    if (data.length === 0 && status < 300 && (status === 204 || mayBeEmpty)) return { status, body: null };
    // A refusal without JSON is unreadable too: it may come from a proxy in front of the service.
    const read = readJson(data, response.headers['content-type']);
    if ('body' in read) return { status, body: read.body };
    const fault = this.fault(read.kind, `answered ${status} with ${read.flaw}`);
    throw new AttemptFailure(fault, read.kind === 'garbage');
  }

  private fault(kind: UpstreamFault['kind'], message: string, cause?: unknown): UpstreamFault {
    return new UpstreamFault(this.name, kind, message, cause === undefined ? undefined : { cause });
  }
}
