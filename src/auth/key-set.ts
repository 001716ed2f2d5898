import type { FetchImplementation, JSONWebKeySet } from 'jose';

/** Real key sets have a few kilobytes. More could only be meant to fill the memory. */
export const MAX_KEY_SET_BYTES = 1_048_576;

/**
 * Fetches a JSON Web Key Set (RFC 7517). A set with missing or duplicate key ids is ambiguous: it does not replace a set
 * in which each key has an id of its own.
 *
 * @param current the set in use, if any
 */
export function keySetFetcher(current: () => JSONWebKeySet | undefined): FetchImplementation {
  return async (url, options) => {
    const response = await fetch(url, options);
    if (response.status !== 200) {
      await response.body?.cancel();
      return response;
    }
    const text = await readBounded(response);
    const present = current();
    if (present && hasDistinctIds(present) && !hasDistinctIds(JSON.parse(text))) {
      throw new Error('The new key set has missing or duplicate key ids; the present one stays in use');
    }
    return new Response(text);
  };
}

/** Counts bytes as they arrive and after decompression, because `Content-Length` may be absent or wrong. */
async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_KEY_SET_BYTES) throw new Error(`The key set has more than ${MAX_KEY_SET_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The library checks the rest of the form. */
function hasDistinctIds(set: unknown): boolean {
  const keys: unknown = (set as Partial<JSONWebKeySet> | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) return false;
  const ids = keys.map((key: { kid?: unknown } | null) => key?.kid);
  return ids.every((id) => typeof id === 'string' && id !== '') && new Set(ids).size === ids.length;
}
