import { Problem } from '../../platform/http/problem.js';

/** A UUID has 36 characters; keys longer than this have no use. */
const MAX_KEY_LENGTH = 255;

/** A bare key: printable, and nothing by which it could be a quoted one, or two headers that were joined. */
const BARE_KEY =
  /^[\u0021\u0023-\u002b\u002d-\u007e](?:[\u0020\u0021\u0023-\u002b\u002d-\u007e]*[\u0021\u0023-\u002b\u002d-\u007e])?$/;

/** A string of RFC 9651, section 3.3.3: between its quotes, quotes and backslashes are escaped, and nothing else is. */
const QUOTED_KEY = /^"(?<content>(?:[\u0020\u0021\u0023-\u005b\u005d-\u007e]|\\["\\])*)"$/;

/** The key that a header holds; undefined where it holds none. */
function keyIn(header: string): string | undefined {
  const content = QUOTED_KEY.exec(header)?.groups?.['content'];
  if (content !== undefined) return content.replace(/\\(["\\])/g, '$1');
  return BARE_KEY.test(header) ? header : undefined;
}

/**
 * Reads an `Idempotency-Key`: a string as the IETF draft has it (draft-ietf-httpapi-idempotency-key-header-07), or the
 * same without quotes, as most clients write it. Both spellings are one key.
 *
 * @throws {Problem} invalid-request
 */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const key = keyIn(header.trim());
  if (key !== undefined && key.length > 0 && key.length <= MAX_KEY_LENGTH) return key;
  const message =
    `must be one key of 1 to ${MAX_KEY_LENGTH} printable ASCII characters; ` +
    'with a comma or a quote in it, it has to be a quoted string';
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

/**
 * Whether the caller of a GET already has this version (`If-None-Match`, RFC 9110, 13.1.2). Tags are compared weakly,
 * because proxies may weaken them; invalid tags match nothing.
 */
export function hasSeen(header: string | undefined, version: number): boolean {
  if (header === undefined) return false;
  return (
    header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag(version))
  );
}
