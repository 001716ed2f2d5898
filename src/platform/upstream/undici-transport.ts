import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { AxiosRequestConfig, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { Agent, errors } from 'undici';
import type { Dispatcher } from 'undici';

/**
 * Connections to one other service at a time, over all requests of this instance. Enough for thousands of calls a
 * second at usual answer times, and few enough that a stalled service can't use up the file descriptors of this
 * process or the workers of the other. Further calls wait in memory until their time is up.
 */
export const CONNECTIONS_PER_ORIGIN = 128;

/** One request at a time on a connection: others behind a slow one would share its outcome. */
const REQUESTS_IN_FLIGHT_PER_CONNECTION = 1;

/** Below the 5 s after which Node and uvicorn close an idle connection, so that it is this end which closes it. */
const IDLE_CONNECTION_MS = 4_000;

/** The most that a `Keep-Alive` hint of the other service may prolong that: connections follow its address changes. */
const IDLE_CONNECTION_MAX_MS = 60_000;

/** A packet that is lost while connecting is sent again after 1 s; half a second more lets that second one succeed. */
export const CONNECT_TIMEOUT_MS = 1_500;

/** The default size limit of an answer: product and reservation answers are far below 1 kB. */
export const MAX_ANSWER_BYTES = 256 * 1024;

declare module 'axios' {
  interface AxiosRequestConfig {
    /**
     * Use a new connection. The peer may close a kept connection at the moment of its reuse, which leaves the outcome
     * unknown; a call that is not idempotent must not run that risk.
     */
    ownConnection?: boolean;
  }
}

/** How far a call got that brought no complete answer. */
export type TransportFailure = 'not_sent' | 'timeout' | 'connection' | 'garbage';

/** A call brought no complete answer. The message holds nothing of the request or the answer. */
export class TransportError extends Error {
  constructor(
    readonly failure: TransportFailure,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'TransportError';
  }
}

/** The request's time ran out while it still waited for a connection. */
class ExpiredBeforeSending extends Error {}

/** Errors of undici for a body that contradicts its headers. */
const UNREADABLE = new Set(['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_HEADERS_OVERFLOW']);

/** Names a failure by its code alone, because the message of a lower layer may hold addresses. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'no code';
}

/** Collects one response. Events after the promise has resolved are ignored: the caller already has the outcome. */
class Exchange implements Dispatcher.DispatchHandler {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private status = 0;
  private statusText = '';
  private headers: Record<string, string | string[]> = {};
  private controller: Dispatcher.DispatchController | undefined;
  private settled = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly config: InternalAxiosRequestConfig,
    private readonly resolve: (response: AxiosResponse<Buffer>) => void,
    private readonly reject: (error: TransportError) => void,
  ) {
    this.timer = setTimeout(() => this.expire(), Math.ceil(config.timeout ?? 0));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Throwing here drops the request and keeps the connection; aborting it would cost the next request a new one.
    if (this.settled) throw new ExpiredBeforeSending();
    if (this.controller) {
      // undici puts a request back into its queue in rare cases of a closed connection. It may have arrived already.
      this.fail('connection', 'the connection was closed during the call');
      throw new ExpiredBeforeSending();
    }
    this.controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    // Interim answers (RFC 9110, section 15.2) come before the real one and overwrite nothing that matters.
    this.status = status;
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.headers[name] = value;
    this.statusText = statusText ?? '';
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    const limit = this.config.maxContentLength ?? MAX_ANSWER_BYTES;
    if (this.size > limit) this.fail('garbage', `the answer is larger than ${limit} bytes`);
    else if (!this.settled) this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.settled) return;
    this.settle();
    this.resolve({
      data: Buffer.concat(this.chunks),
      status: this.status,
      statusText: this.statusText,
      headers: this.headers,
      config: this.config,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.settled) return;
    this.settle();
    this.reject(this.describe(error));
  }

  /**
   * undici announces a request immediately before its first byte is written. A failure without that announcement
   * (refused, name not found, no route, connecting took too long, a certificate that is not trusted) is therefore one
   * in which the other service certainly received nothing.
   */
  private describe(error: Error): TransportError {
    const code = codeOf(error);
    if (!this.controller) {
      return new TransportError('not_sent', `could not be reached (${code})`, { cause: error });
    }
    if (error instanceof errors.HTTPParserError || UNREADABLE.has(code)) {
      // Without its cause, which holds the unreadable bytes.
      return new TransportError('garbage', `the answer can't be read (${code})`);
    }
    return new TransportError('connection', `the connection broke during the call (${code})`, {
      cause: error,
    });
  }

  private expire(): void {
    if (this.controller) this.fail('timeout', 'no complete answer in time');
    else this.fail('not_sent', 'no connection became available in time');
  }

  private fail(failure: TransportFailure, message: string): void {
    if (this.settled) return;
    this.settle();
    const error = new TransportError(failure, message);
    this.reject(error);
    this.controller?.abort(error);
  }

  private settle(): void {
    this.settled = true;
    clearTimeout(this.timer);
  }
}

/**
 * Carries the calls of `HttpService` over undici, which needs about a third of the processor time a call that axios's
 * own transport needs. Redirects are not followed, proxies not used, answers not decoded.
 */
@Injectable()
export class UndiciTransport implements OnApplicationShutdown {
  private readonly keptConnections = UndiciTransport.createAgent(REQUESTS_IN_FLIGHT_PER_CONNECTION);
  /** `pipelining: 0` makes undici close connections after use. */
  private readonly ownConnections = UndiciTransport.createAgent(0);

  private static createAgent(pipelining: number): Agent {
    return new Agent({
      connections: CONNECTIONS_PER_ORIGIN,
      pipelining,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: IDLE_CONNECTION_MAX_MS,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      // The whole call has one timer of its own, which covers waiting for a connection as well.
      headersTimeout: 0,
      bodyTimeout: 0,
      // HTTP/2 retries by itself after a GOAWAY; retries are the caller's decision.
      allowH2: false,
    });
  }

  /** The configuration with which every call of an `HttpService` goes through this transport. */
  axiosDefaults(): AxiosRequestConfig {
    return {
      adapter: (config) => this.send(config),
      // Bodies pass as they are in both directions: the client writes and reads JSON once, with its own checks.
      transformRequest: [],
      transformResponse: [],
      validateStatus: () => true,
      maxRedirects: 0,
      proxy: false,
    };
  }

  /** Waits for calls in progress; each has its own timeout, so this takes at most the longest of them. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.keptConnections.close(), this.ownConnections.close()]);
  }

  /**
   * The adapter of axios. Needs `baseURL` (the origin), `url` (path and query), and `timeout` in milliseconds for the
   * whole call; `maxContentLength` in bytes limits the answer.
   *
   * @throws {TransportError} when no complete answer came
   */
  private send(config: InternalAxiosRequestConfig): Promise<AxiosResponse<Buffer>> {
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(config, resolve, reject);
      const agent = config.ownConnection ? this.ownConnections : this.keptConnections;
      try {
        agent.dispatch(
          {
            origin: config.baseURL ?? '',
            path: config.url ?? '/',
            method: (config.method ?? 'get').toUpperCase(),
            headers: Object.entries(config.headers.toJSON()).flatMap(([name, value]) => [
              name,
              String(value),
            ]),
            body: typeof config.data === 'string' ? config.data : null,
          },
          exchange,
        );
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
      }
    });
  }
}
