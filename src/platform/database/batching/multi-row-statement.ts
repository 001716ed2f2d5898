import type { Statement } from '../statement-message.js';

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

  /** As many statements as the rows take. */
  of(rows: readonly unknown[][]): Statement[] {
    const statements: Statement[] = [];
    for (let from = 0; from < rows.length;) {
      const size = SIZES.find((candidate) => candidate <= rows.length - from) ?? 1;
      statements.push({ text: this.textOf(size), values: rows.slice(from, from + size).flat() });
      from += size;
    }
    return statements;
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
