import { expect } from '@jest/globals';

/** The request headers that identify the caller. */
const CREDENTIALS = ['authorization', 'x-api-key'];

/** The names in a `Vary` header, in lower case. */
export function varyOf(headers: Headers): string[] {
  return (headers.get('vary') ?? '').split(',').map((name) => name.trim().toLowerCase());
}

/** Fails unless no cache may store the response, or with an ETag only the caller's own cache with revalidation. */
export function expectPrivate(headers: Headers): void {
  const expected = headers.has('etag') ? 'private, no-cache' : /^no-store(, no-transform)?$/;
  expect(headers.get('cache-control')).toEqual(
    typeof expected === 'string' ? expected : expect.stringMatching(expected),
  );
  expect(varyOf(headers)).toEqual(expect.arrayContaining(CREDENTIALS));
}

/** Fails unless shared caches may store a success, which is the same for all callers, and no error. */
export function expectShared({ status, headers }: { status: number; headers: Headers }): void {
  if (status >= 400) return expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('cache-control')).toMatch(/^(no-cache|public, .*max-age=\d+.*)$/);
  for (const name of CREDENTIALS) expect(varyOf(headers)).not.toContain(name);
}
