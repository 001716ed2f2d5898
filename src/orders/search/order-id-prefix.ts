const FORM = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx';

/** Less is the beginning of too many ids, as they begin with the time; with this many a minute is meant. */
const MIN_LENGTH = 8;

/**
 * The ids of orders that begin with a text, which are neighbours in their index.
 *
 * @returns the smallest and the largest id there could be; undefined where no id is meant
 */
export function orderIdsFrom(text: string): { first: string; last: string } | undefined {
  if (text.length < MIN_LENGTH || text.length > FORM.length) return undefined;
  const isPrefix = [...text].every((character, at) =>
    FORM[at] === '-' ? character === '-' : /[0-9a-f]/i.test(character),
  );
  if (!isPrefix) return undefined;
  const rest = FORM.slice(text.length);
  return { first: text + rest.replaceAll('x', '0'), last: text + rest.replaceAll('x', 'f') };
}
