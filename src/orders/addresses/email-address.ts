import { domainToASCII } from 'node:url';
import { isEmail } from 'class-validator';
import { hasInvisible, removeInvisible } from './visible-text.js';

/** RFC 5321, section 4.5.3.1, in octets: an address of 254 fits into a path of 256. */
export const MAX_EMAIL_LENGTH = 254;
const MAX_LOCAL_PART_LENGTH = 64;
const MAX_DOMAIN_LABEL_LENGTH = 63;

const ASCII = /^\p{ASCII}*$/u;
const CONTROL_CHARACTERS = /\p{Cc}/u;

/**
 * The form in which two addresses are compared. Addresses are one if they differ only in case, in the Unicode
 * normalization form (NFC), in invisible characters, or in how an internationalized domain is written (UTS 46 and
 * punycode). Depends on neither the locale of the process nor that of the database.
 *
 * Accepts any text. The index on addresses relies on this: the key of ASCII text is the text in ASCII lower case.
 */
export function emailKey(address: string): string {
  if (ASCII.test(address)) return address.toLowerCase();
  const text = removeInvisible(address).normalize('NFC').toLowerCase().normalize('NFC');
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1);
  // Not a domain at all: stored by earlier versions, or typed into the search.
  const asciiDomain = ASCII.test(domain) ? domain : domainToASCII(domain) || domain;
  return text.slice(0, at + 1) + asciiDomain;
}

/** The key of the address of `orders o` in SQL, as the index orders_by_email_key has it. */
export const EMAIL_KEY = 'coalesce(o.customer_email_key, lower(o.customer_email COLLATE "C"))';

/** The key to store with an address: null where the index can derive it, which is the case for ASCII text. */
export function storedEmailKey(address: string | null): string | null {
  return address === null || ASCII.test(address) ? null : emailKey(address);
}

/** Whether an order can be placed with an address: it can be delivered to, and all of it can be seen. */
export function isPlaceableEmail(text: string): boolean {
  if (!isStorableEmail(text) || hasInvisible(text)) return false;
  const at = text.lastIndexOf('@');
  const domain = domainToASCII(text.slice(at + 1));
  return (
    domain !== '' &&
    domain.split('.').every((label) => label.length <= MAX_DOMAIN_LABEL_LENGTH) &&
    octets(text.slice(0, at)) <= MAX_LOCAL_PART_LENGTH &&
    Math.max(octets(text), octets(text.slice(0, at + 1)) + domain.length) <= MAX_EMAIL_LENGTH
  );
}

/** Whether any version has accepted the address, so that stored orders can be found and erased. */
export function isStorableEmail(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text.isWellFormed() &&
    !CONTROL_CHARACTERS.test(text) &&
    text.length <= MAX_EMAIL_LENGTH &&
    isEmail(text, { ignore_max_length: true })
  );
}

function octets(text: string): number {
  return Buffer.byteLength(text);
}
