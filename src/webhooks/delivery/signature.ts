import { createHmac } from 'node:crypto';

/** Introduces a secret (Standard Webhooks 1.0); the rest is base64. */
export const SECRET_PREFIX = 'whsec_';

/** The scheme of the signature: HMAC-SHA256. */
const VERSION = 'v1';

const MS_PER_SECOND = 1_000;

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
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return createHmac('sha256', key).update(text).digest('base64');
}
