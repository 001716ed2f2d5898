import {
  CLOSE_LIST,
  CLOSE_OBJECT,
  COMMA,
  endOfString,
  isName,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from './json-text.js';

/** An object or a list that is open at a place of the text. */
interface Level {
  isList: boolean;
  /** The names that the object has had so far; created with the first of them, because most levels have none. */
  names: Set<string> | undefined;
  /** The name, or the number, of the entry that is being read. */
  entry: string | number;
}

/** Where the entry that is being read is, as in `items[0].quantity`. */
function pathOf(levels: readonly Level[]): string {
  return levels.reduce((path, { isList, entry }) => {
    if (isList) return `${path}[${entry}]`;
    return path === '' ? String(entry) : `${path}.${entry}`;
  }, '');
}

/**
 * Finds a duplicate name in a JSON object. JSON leaves open which of the two counts (RFC 8259, section 4): a gateway
 * may have checked one while this service uses the other, so both are refused.
 *
 * @param json valid JSON
 * @returns the path of the first one, as in `items[0].quantity`; undefined when there is none
 */
export function findRepeatedKey(json: string): string | undefined {
  const levels: Level[] = [];
  let level: Level | undefined;
  for (let index = 0; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      level = { isList: code === OPEN_LIST, names: undefined, entry: 0 };
      levels.push(level);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      levels.pop();
      level = levels.at(-1);
    } else if (code === COMMA && level?.isList) {
      level.entry = Number(level.entry) + 1;
    } else if (code === QUOTE) {
      const end = endOfString(json, index);
      if (level && !level.isList && isName(json, end)) {
        const text = json.slice(index + 1, end - 1);
        const name = text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
        level.entry = name;
        level.names ??= new Set();
        if (level.names.has(name)) return pathOf(levels);
        level.names.add(name);
      }
      index = end - 1;
    }
  }
  return undefined;
}
