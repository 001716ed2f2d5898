import createClient from 'openapi-fetch';
import type { paths } from '../../../docs/openapi.js';
import { OfflineError, ProblemError, type ProblemBody, refusalOf } from './problem.ts';
import { noteServerTime } from '../time/server-clock.ts';
import { credential, credentialHeaders } from './session.ts';
import type { Caller } from './types.ts';
import { Store } from '../ui/store.ts';

/**
 * Time limit of a request. The service answers within its own deadline, 10 s by default; a slower response is lost on
 * the way, and the user has to see an error.
 */
const REQUEST_LIMIT_MS = 30_000;

/** Set when the service rejects the session; the next sign-in clears it. */
export const refusedSession = new Store<string | null>(null);

/** The API with the types of its OpenAPI document. */
export const api = createClient<paths>({ baseUrl: window.location.origin });

api.use({
  onRequest({ request }) {
    if (!navigator.onLine && request.method !== 'GET') throw new OfflineError();
    for (const [name, value] of Object.entries(credentialHeaders())) request.headers.set(name, value);
    return new Request(request, {
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(REQUEST_LIMIT_MS)]),
    });
  },
  onResponse({ response }) {
    noteServerTime(response.headers.get('date'));
  },
});

/** The result of a call of the client. */
interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/**
 * The body of an answer that is a success.
 *
 * @throws {ProblemError}
 */
export async function send<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (response.ok) return data as Data;
  const body = typeof error === 'object' && error !== null ? (error as Partial<ProblemBody>) : {};
  throw noticed(new ProblemError(response.status, body, response.headers.get('x-request-id')));
}

/**
 * A request whose answer is no JSON, such as an export or a stream.
 *
 * @throws {ProblemError}
 */
export async function fetchRaw(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(credentialHeaders())) headers.set(name, value);
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  throw noticed(await refusalOf(response));
}

/**
 * The caller that a key or token belongs to, which is not yet that of the session.
 *
 * @throws {ProblemError} when the service refuses it
 */
export async function fetchCaller(secret: string): Promise<Caller> {
  const response = await fetch('/caller', { headers: credentialHeaders(secret) });
  if (!response.ok) throw await refusalOf(response);
  return (await response.json()) as Caller;
}

function noticed(problem: ProblemError): ProblemError {
  if (problem.status === 401 && credential.get() !== null) refusedSession.set(problem.message);
  return problem;
}
