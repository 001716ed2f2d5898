import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The header that names a request, in and out. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Ids as gateways make them; nothing that could break a line of the log or a header, and no longer than a trace. */
const REQUEST_ID = /^[A-Za-z0-9._:=+/-]{1,128}$/;

const ids = new WeakMap<IncomingMessage, string>();

/**
 * The id from the request, or a new one when it is missing or not printable. It stays the same for the whole request.
 */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers[REQUEST_ID_HEADER];
  const isRight = typeof given === 'string' && REQUEST_ID.test(given);
  const id = ids.get(request) ?? (isRight ? given : randomUUID());
  ids.set(request, id);
  return id;
}
