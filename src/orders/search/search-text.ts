import { removeInvisible } from '../addresses/visible-text.js';

/** An order as far as fragments find it. */
export interface SearchableOrder {
  id: string;
  customerName: string | null;
  customerEmail: string | null;
  number: string | null;
  sourceOrderId: string | null;
  /** Ids, names and SKUs of its products, in any order. */
  products: readonly (string | null)[] | null;
}

/**
 * Bounds the cost of one order in the index and in a scan: 200 lines of usual products have about 6,000 characters. What
 * only this order has comes first.
 */
const MAX_SEARCH_TEXT = 10_000;

/** Separates the values of an order. No fragment contains it, so none spans two values. */
const SEPARATOR = '\n';

/**
 * Marks on the letters of Latin, Greek, Cyrillic, Arabic and Hebrew. The vowel signs of other scripts and the Japanese
 * voicing marks make other letters.
 */
const MARKS = /(?![\u3099\u309A])[[\p{Script=Inherited}\p{Script=Hebrew}]&&\p{Mn}]/gv;

/** Letters without a Unicode decomposition, and what people type instead; and the final form of sigma. */
const PLAIN_LETTERS = new Map([
  ['æ', 'ae'],
  ['ð', 'd'],
  ['ø', 'o'],
  ['þ', 'th'],
  ['đ', 'd'],
  ['ħ', 'h'],
  ['ł', 'l'],
  ['œ', 'oe'],
  ['ŧ', 't'],
  ['ς', 'σ'],
]);
const SPECIAL_LETTERS = new RegExp(`[${[...PLAIN_LETTERS.keys()].join('')}]`, 'g');

/**
 * The form in which texts and fragments are compared: without case, accents, compatibility forms (full width, ligatures),
 * invisible characters and repeated spaces, in any script. Independent of the locales of the process and the database.
 */
export function foldText(text: string): string {
  // Through upper case, which unites ß and ss; and through lower case before, which unites ẞ and ß.
  const letters = text.normalize('NFKD').toLowerCase().toUpperCase().toLowerCase().normalize('NFKD');
  const plain = letters
    .replace(MARKS, '')
    .replace(SPECIAL_LETTERS, (letter) => PLAIN_LETTERS.get(letter) ?? letter);
  return removeInvisible(plain).normalize('NFC').replace(/\s+/g, ' ').trim();
}

/** The text of an order in which fragments are looked for. */
export function searchTextOf(order: SearchableOrder): string {
  const { id, customerName, customerEmail, number, sourceOrderId, products } = order;
  const values = new Set<string>();
  for (const value of [id, customerName, customerEmail, number, sourceOrderId, ...(products ?? [])]) {
    const folded = foldText(value ?? '');
    if (folded !== '') values.add(folded);
  }
  // The cut may split a character of two code units.
  return [...values].join(SEPARATOR).slice(0, MAX_SEARCH_TEXT).toWellFormed();
}

/** A pattern of LIKE for texts that contain a folded fragment. */
export function containing(fragment: string): string {
  return `%${fragment.replace(/[\\%_]/g, String.raw`\$&`)}%`;
}

/** Three letters or digits of a word, or two at its beginning or end. */
const TRIGRAM = /[a-z0-9]{3}|[a-z0-9]{2}[^a-z0-9]|[^a-z0-9][a-z0-9]{2}/;
const UNICODE_TRIGRAM = /[\p{L}\p{N}]{3}|[\p{L}\p{N}]{2}[^\p{L}\p{N}]|[^\p{L}\p{N}][\p{L}\p{N}]{2}/u;

/**
 * Whether the trigram index narrows down the texts that contain a folded fragment.
 *
 * @param isUnicode whether the locale of the database knows letters beyond ASCII
 */
export function hasTrigram(fragment: string, isUnicode: boolean): boolean {
  return (isUnicode ? UNICODE_TRIGRAM : TRIGRAM).test(fragment);
}
