import { Store } from '../ui/store.ts';

const KEY = 'order-console-credential';

/** Three parts of base64url: what a signed token looks like (RFC 7515), and no key of this service does. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The key or token of the session; null when signed out. It is kept in this tab only.
 */
export const credential = new Store<string | null>(sessionStorage.getItem(KEY));

export function signIn(text: string): void {
  sessionStorage.setItem(KEY, text);
  credential.set(text);
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  credential.set(null);
}

/** The header that authenticates a request. @param text the key or token, by default that of the session */
export function credentialHeaders(text = credential.get()): Record<string, string> {
  if (text === null) return {};
  return TOKEN.test(text) ? { authorization: `Bearer ${text}` } : { 'x-api-key': text };
}
