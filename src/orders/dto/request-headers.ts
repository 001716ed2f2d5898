import { Problem } from '../../platform/http/problem.js';

/** Longer keys serve nobody; a UUID has 36 characters. */
const MAX_KEY_LENGTH = 255;

const PRINTABLE_ASCII = /^[\u0020-\u007e]+$/;

/**
 * Reads an `Idempotency-Key`, bare or as the quoted string of the IETF draft.
 *
 * @throws {Problem} invalid-request
 */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const key = /^"(.*)"$/.exec(header.trim())?.[1] ?? header.trim();
  if (key.length > 0 && key.length <= MAX_KEY_LENGTH && PRINTABLE_ASCII.test(key)) return key;
  const message = `must have 1 to ${MAX_KEY_LENGTH} printable ASCII characters`;
  throw Problem.invalidRequest([{ field: 'Idempotency-Key', message }]);
}

/** Whether a `Prefer` header (RFC 7240) asks for an answer before the work is done. Unknown preferences are ignored. */
export function prefersAsync(header: string | undefined): boolean {
  const preferences = (header ?? '').split(',').map((preference) => preference.split(/[;=]/, 1)[0] ?? '');
  return preferences.some((name) => name.trim().toLowerCase() === 'respond-async');
}

/**
 * Reads `If-Match` (RFC 9110, 13.1.1): the versions that the caller has seen.
 *
 * @returns undefined when there is no such header or it is `*`, which any version matches. A weak or foreign tag
 * matches no version.
 */
export function parseIfMatch(header: string | undefined): number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return header.split(',').flatMap((tag) => {
    const version = /^"(\d{1,9})"$/.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/** The ETag of an order at a version. */
export function etag(version: number): string {
  return `"${version}"`;
}
