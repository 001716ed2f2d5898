import type { UpstreamAnswer } from './upstream-client.js';
import { UpstreamFault } from './upstream-fault.js';

/** A reason is stored and shown to people: one sentence, not a page of the other service. */
const MAX_REASON_LENGTH = 300;

/** A name is stored with every order line and returned in every list: a title, not a description. */
export const MAX_NAME_LENGTH = 300;

/** Ids are keys of indexes, which PostgreSQL limits; those in requests have at most as many characters. */
const MAX_ID_LENGTH = 128;

/** The control characters, with U+0000, which PostgreSQL can't store. */
const CONTROL_CHARACTERS = /\p{Cc}+/gu;

/** The fields of a JSON object; none where the value is anything else. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns null unless it is text that can be stored: no U+0000, no half of a surrogate pair */
export function readText(value: unknown): string | null {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\u0000') ? value : null;
}

/**
 * Reads an identifier: text, or an integer, which is kept as its digits.
 *
 * @returns null when it is neither, is too long, or is an integer that binary floating point may have changed
 */
export function readId(value: unknown): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  const text = readText(value);
  return text === null || text === '' || text.length > MAX_ID_LENGTH ? null : text;
}

/** An id as most databases compare it: without case, surrounding space, and zeros before a number. */
export function normaliseId(id: string): string {
  return id
    .trim()
    .toLowerCase()
    .replace(/^[+]?0+(?=\d)/, '');
}

/** Reads a name, cut to a length that can be stored with every order. */
export function readName(value: unknown): string | null {
  const name = readText(value);
  return name === null || name.length <= MAX_NAME_LENGTH
    ? name
    : `${name.slice(0, MAX_NAME_LENGTH - 1).toWellFormed()}…`;
}

/** The `detail` of an error answer, or a default. */
export function readReason(answer: UpstreamAnswer, otherwise: string): string {
  const { detail } = fieldsOf(answer.body);
  if (typeof detail !== 'string' || detail === '') return otherwise;
  return detail.slice(0, MAX_REASON_LENGTH).toWellFormed().replace(CONTROL_CHARACTERS, ' ');
}

/**
 * The reason of an unknown outcome.
 *
 * @throws the error itself, unless it is a fault of the other service: a bug of this one must not pass for it
 */
export function reasonOfFault(error: unknown): string {
  if (error instanceof UpstreamFault) return error.message;
  throw error;
}
