/** Codes of the characters that structure JSON (RFC 8259, section 2). */
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** @returns the index behind the string that begins at `start` with its quote; that of the end if it is not closed */
export function endOfString(json: string, start: number): number {
  for (let index = start + 1; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    if (code === BACKSLASH) index += 1;
  }
  return json.length;
}

/** Whether the string that ends before `end` is the name of a member of an object. */
export function isName(json: string, end: number): boolean {
  let index = end;
  while (SPACES.has(json.charCodeAt(index))) index += 1;
  return json.charCodeAt(index) === COLON;
}
