import type { Sql } from '../connection.js';

/**
 * Rows that one statement writes: few sizes, so that there are few texts to prepare, and any number of rows is made
 * up of few of them. On distributed PostgreSQL lists of VALUES are much faster than arrays.
 */
const SIZES = [64, 32, 16, 8, 4, 2, 1];

/** A statement about several rows at once, whose texts never change. */
export class MultiRowStatement {
  private readonly texts = new Map<number, string>();

  /**
   * @param row what stands for one row in VALUES, with a `?` for each of its values, as in `(?, ?, now())`
   * @param textFor makes the whole statement of the rows' text
   */
  constructor(
    private readonly row: string,
    private readonly textFor: (rows: string) => string,
  ) {}

  /**
   * Sends as many statements as it takes, all of them before the first is waited for.
   *
   * @returns what they return, in the order of the rows as far as the statement keeps it
   */
  async run<Returned>(sql: Sql, rows: readonly unknown[][]): Promise<Returned[]> {
    const sent: Promise<Returned[] | [Returned[], number]>[] = [];
    for (let from = 0; from < rows.length;) {
      const size = SIZES.find((candidate) => candidate <= rows.length - from) ?? 1;
      sent.push(
        sql.query<Returned[] | [Returned[], number]>(this.textOf(size), rows.slice(from, from + size).flat()),
      );
      from += size;
    }
    return (await Promise.all(sent)).flatMap(rowsOf);
  }

  private textOf(size: number): string {
    let text = this.texts.get(size);
    if (text === undefined) {
      let parameter = 0;
      const rows = Array.from({ length: size }, () => this.row.replaceAll('?', () => `$${(parameter += 1)}`));
      text = this.textFor(rows.join(', '));
      this.texts.set(size, text);
    }
    return text;
  }
}

/** Of an UPDATE there are the rows, and how many there were. */
function rowsOf<Returned>(result: Returned[] | [Returned[], number]): Returned[] {
  const [rows] = result;
  return Array.isArray(rows) ? rows : (result as Returned[]);
}
