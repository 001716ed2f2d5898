import { findRepeatedKey } from '../repeated-keys.js';

/** The charset that a `Content-Type` names (RFC 9110, section 8.3.1). */
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** The encoding of JSON unless the sender names another one (RFC 8259, section 8.1). */
const DEFAULT_CHARSET = 'utf-8';

/** The parsed body of an answer, or why it has none. `invalid`: ambiguous JSON. */
export type JsonBody = { body: unknown } | { kind: 'garbage' | 'invalid'; flaw: string };

/**
 * Reads JSON in the charset that its sender names. A byte order mark at the start is skipped, as RFC 8259 allows. Bytes
 * that the charset does not have, and names that an object has twice, are refused: a replacement character or one of two
 * prices would otherwise be stored with the order.
 *
 * @returns a flaw that quotes nothing of the body
 */
export function readJson(bytes: Buffer, contentType: unknown): JsonBody {
  const charset = CHARSET.exec(typeof contentType === 'string' ? contentType : '')?.[1] ?? DEFAULT_CHARSET;
  const text = decode(bytes, charset);
  if (text === undefined) return { kind: 'invalid', flaw: 'a body that is not in its charset' };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Without the parser's error, which quotes the body.
    return { kind: 'garbage', flaw: 'something other than JSON' };
  }
  if (findRepeatedKey(text) === undefined) return { body };
  return { kind: 'invalid', flaw: 'an object that has a name twice' };
}

/** @returns undefined for an unknown charset, or for bytes that it does not have */
function decode(bytes: Buffer, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
