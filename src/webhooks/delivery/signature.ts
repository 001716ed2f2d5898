import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Introduces a secret (Standard Webhooks 1.0); the rest is base64. */
export const SECRET_PREFIX = 'whsec_';

/** The scheme of the signature: HMAC-SHA256. */
const VERSION = 'v1';

const MS_PER_SECOND = 1_000;

/** Keys that are kept: more than all endpoints together have secrets. */
const MAX_KEYS = 1_000;

/** The keys of secrets. To make one takes four times as long as the signature itself. */
const keys = new Map<string, KeyObject>();

/** What a signature covers. */
export interface SignedMessage {
  id: string;
  body: string;
}

/**
 * The header fields of Standard Webhooks 1.0.
 *
 * @param secrets as in `whsec_…`; during a rotation there are several, and a receiver needs one of them
 */
export function signatureHeaders(
  { id, body }: SignedMessage,
  secrets: readonly string[],
  now: Date,
): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / MS_PER_SECOND));
  const signed = `${id}.${timestamp}.${body}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => `${VERSION},${hmacOf(signed, secret)}`).join(' '),
  };
}

function hmacOf(text: string, secret: string): string {
  return createHmac('sha256', keyOf(secret)).update(text).digest('base64');
}

function keyOf(secret: string): KeyObject {
  let key = keys.get(secret);
  if (!key) {
    if (keys.size >= MAX_KEYS) keys.clear();
    key = createSecretKey(secret.slice(SECRET_PREFIX.length), 'base64');
    keys.set(secret, key);
  }
  return key;
}
