import type { IncomingHttpHeaders } from 'node:http';
/** A call carried something that the stand-in refuses; the message becomes the `detail` of the answer. */
export class BadInput extends Error {
  readonly statusCode = 422;

  constructor(message: string) {
    super(message);
    this.name = 'BadInput';
  }
}

/** Keeps sums of quantities far inside the integers that JavaScript represents exactly. */
export const MAX_QUANTITY = 1_000_000_000;

/** No identifier in use is longer, and a bound keeps the maps that they are keys of small. */
const MAX_ID_LENGTH = 300;

/** The longest run of digits that every JavaScript reader takes as exactly the same integer. */
const MAX_EXACT_DIGITS = 15;

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

export type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readFields(value: unknown, name: string): Fields {
  if (!isFields(value)) throw new BadInput(`${name} must be an object`);
  return value;
}

export function readList(value: unknown, name: string, max: number): unknown[] {
  if (!Array.isArray(value)) throw new BadInput(`${name} must be a list`);
  if (value.length > max) throw new BadInput(`${name} must have at most ${max} entries`);
  return value;
}

export function readText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new BadInput(`${name} must be a string`);
  return value;
}

export function readBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw new BadInput(`${name} must be true or false`);
  return value;
}

export function readInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new BadInput(`${name} must be an integer from ${min} to ${max}`);
  }
  return value;
}

export function readNumber(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new BadInput(`${name} must be a number from ${min} to ${max}`);
  }
  return value;
}

/** Reads a time to come in ISO 8601 with a zone. @returns milliseconds since 1970 */
export function readTime(value: unknown, name: string): number {
  const time = TIME.test(readText(value, name)) ? Date.parse(String(value)) : Number.NaN;
  if (!(time > Date.now())) throw new BadInput(`${name} must be a time to come, as in 2026-12-24T18:00:00Z`);
  return time;
}

/** Identifiers are text; an integer is taken as its digits. */
export function readId(value: unknown, name: string): string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value);
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_LENGTH) {
    throw new BadInput(`${name} must be an integer or a string of 1 to ${MAX_ID_LENGTH} characters`);
  }
  return value;
}

/** The other way round: system B has integers for identifiers, so digits become one. */
export function idToJson(id: string): string | number {
  return id.length <= MAX_EXACT_DIGITS && /^(0|[1-9]\d*)$/.test(id) ? Number(id) : id;
}

/** The message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether something that was thrown is the system's error of this name, as in `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return isFields(error) && error['code'] === code;
}

const CAUSE_HEADERS = ['x-request-id', 'traceparent', 'tracestate'];

/** The headers of a call that identify the request behind it, if any. */
export function causeOf(headers: IncomingHttpHeaders): { causedBy?: Record<string, string> } {
  const given = CAUSE_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return given.length > 0 ? { causedBy: Object.fromEntries(given) as Record<string, string> } : {};
}
