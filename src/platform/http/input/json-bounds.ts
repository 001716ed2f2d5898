import {
  CLOSE_LIST,
  CLOSE_OBJECT,
  endOfString,
  isName,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from '../../json-text.js';

/** An order is four levels deep; much deeper input is an attack on recursive code. */
export const MAX_DEPTH = 16;

/**
 * Different names of fields in a body. All requests of the service have some sixty, and orders have keys of their clients.
 * The parser of JSON makes a new layout of objects for each further name, which takes several microseconds.
 */
export const MAX_NAMES = 500;

/**
 * Finds what makes a text expensive to parse, without recursion, before anything is parsed.
 *
 * @param json any text
 * @returns the reason to refuse it; undefined when there is none
 */
export function findJsonExcess(json: string): string | undefined {
  // One name in two spellings counts twice: to decode escapes would cost more than it is worth.
  const names = new Set<string>();
  let depth = 0;
  for (let index = 0; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === QUOTE) {
      const end = endOfString(json, index);
      if (isName(json, end)) names.add(json.slice(index, end));
      if (names.size > MAX_NAMES) return `the body must have at most ${MAX_NAMES} different field names`;
      index = end - 1;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > MAX_DEPTH) return 'the body is nested too deeply';
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth -= 1;
    }
  }
  return undefined;
}
