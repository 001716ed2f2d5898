/** An object or a list that is open at a place of the text. */
interface Level {
  /** The names that the object has had so far; null for a list. */
  names: Set<string> | null;
  /** Where the level is, as in `items[0]`; empty for the whole. */
  path: string;
  /** The name, or the number, of the entry that is being read. */
  entry: string | number;
}

function pathOf({ names, path, entry }: Level): string {
  if (names === null) return `${path}[${entry}]`;
  return path === '' ? String(entry) : `${path}.${entry}`;
}

/** @returns the index behind the string that begins at `start` with its quote */
function endOfString(json: string, start: number): number {
  let index = start + 1;
  while (json[index] !== '"') index += json[index] === '\\' ? 2 : 1;
  return index + 1;
}

const SPACE = /[ \t\n\r]*/y;

function isNameAt(json: string, end: number): boolean {
  SPACE.lastIndex = end;
  return json[end + (SPACE.exec(json)?.[0].length ?? 0)] === ':';
}

/**
 * Finds a name that one object has twice. JSON leaves open which of the two counts (RFC 8259, section 4): what checks a
 * request on its way here may have looked at the one and this service at the other, so neither may be taken.
 *
 * @param json text that is valid JSON
 * @returns where the first one is, as in `items[0].quantity`; undefined when there is none
 */
export function findRepeatedKey(json: string): string | undefined {
  const levels: Level[] = [];
  for (let index = 0; index < json.length; index += 1) {
    const level = levels.at(-1);
    const character = json[index];
    if (character === '{' || character === '[') {
      const path = level ? pathOf(level) : '';
      levels.push({ names: character === '{' ? new Set() : null, path, entry: 0 });
    } else if (character === '}' || character === ']') {
      levels.pop();
    } else if (character === ',' && level?.names === null) {
      level.entry = Number(level.entry) + 1;
    } else if (character === '"') {
      const end = endOfString(json, index);
      if (level?.names && isNameAt(json, end)) {
        const name = JSON.parse(json.slice(index, end)) as string;
        level.entry = name;
        if (level.names.has(name)) return pathOf(level);
        level.names.add(name);
      }
      index = end - 1;
    }
  }
  return undefined;
}
