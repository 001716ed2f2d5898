import type { CastingContext } from 'csv-stringify';
import { stringify } from 'csv-stringify/sync';
import { OrderResponse } from '../dto/order.response.js';
import type { Order } from '../order.entity.js';
import type { Cell, ExportColumn, ExportRows } from './export-columns.js';

/** Text of CSV that is written without a pause: some milliseconds. A note repeats on each of the 200 lines of an order. */
export const CHARACTERS_OF_PART = 64 * 1024;

/** How orders are written into a file, some at a time. */
export interface OrderWriter {
  mediaType: string;
  /** Written before the first order. */
  begin(): string;
  /** @returns parts that are written without a pause */
  write(orders: readonly Order[]): Iterable<string>;
  /** Written after the last order; a file without it is incomplete. */
  end(count: number): string;
}

/**
 * The cells of an order, in one row or one for each line. The fields of the order repeat, so that every row can be filtered
 * and sorted; they are computed once, because an order may have 200 lines.
 */
function rowsOf(order: Order, rows: ExportRows, columns: readonly ExportColumn[]): Cell[][] {
  const response = OrderResponse.from(order);
  const shared = columns.map((column) => ('ofOrder' in column ? safe(column.ofOrder(response)) : null));
  if (rows === 'orders') return [shared];
  return order.items.map((item) =>
    columns.map((column, index) => ('ofLine' in column ? safe(column.ofLine(item)) : shared[index])),
  );
}

function safe(value: Cell): Cell {
  return typeof value === 'string' ? escapeFormulas(value) : value;
}

/**
 * Where a spreadsheet may begin to read a formula: at the start of a cell, and after anything that a program other than
 * the one that it was written for takes as a separator (Excel splits at the semicolon in most of Europe, LibreOffice at
 * tabs too, and all let a person choose another, such as a colon). Spaces and quotes in between do not keep a program from
 * reading a formula. Of several separators in a row an apostrophe after the last is enough, and makes many of them cost linear
 * time.
 */
const FORMULA_START = /^(?=[\s"]*[=+\-@＝＋－＠])|(?<=[,;:\t|\r\n])(?=(?:[^\S\t\r\n]|")*[=+\-@＝＋－＠])/g;

/**
 * A space is a separator only where a person chooses it, and `Cable - 2 m` and `Fan -10 to +5 V` are names. So a word
 * counts only if it has what a formula needs to do harm: a letter, or one of `(|!`, for a call or another program. The
 * last word of a cell counts as well, because the next cell goes on with it.
 */
const FORMULA_WORD = /(?<=[^\S\t\r\n])(?="*[=+\-@＝＋－＠]\S*(?:[\p{L}(|!]|$))/gu;

/** An apostrophe makes a spreadsheet read text (OWASP, CSV injection). */
function escapeFormulas(text: string): string {
  return text.replace(FORMULA_START, "'").replace(FORMULA_WORD, "'");
}

/** Splits rows into parts of about the greatest length. */
function* partsOf(rows: Iterable<Cell[]>): Generator<Cell[][]> {
  let part: Cell[][] = [];
  let length = 0;
  for (const row of rows) {
    part.push(row);
    for (const cell of row) length += typeof cell === 'string' ? cell.length : 0;
    if (length < CHARACTERS_OF_PART) continue;
    yield part;
    part = [];
    length = 0;
  }
  if (part.length > 0) yield part;
}

/** The rows of an order are made when the part before them is written. */
function* rowsOfAll(
  orders: readonly Order[],
  rows: ExportRows,
  columns: readonly ExportColumn[],
): Generator<Cell[]> {
  for (const order of orders) yield* rowsOf(order, rows, columns);
}

/** Begins the last row. */
const END = 'end of export: ';

/** A value of a customer that begins the row like the last one: it must not pass for the end of a file that broke off. */
const LIKE_END = new RegExp(`^(?=${END})`);

function unlikeEnd(text: string, { index }: CastingContext): string {
  return index === 0 ? text.replace(LIKE_END, "'") : text;
}

/**
 * RFC 4180 for spreadsheets, which need the byte order mark to read UTF-8. All text is quoted, so that a separator within
 * it does not split the cell in programs that respect quotes; for the others formulas are escaped.
 *
 * @param columns at least one
 */
export function csvWriter(rows: ExportRows, columns: readonly ExportColumn[]): OrderWriter {
  const options = {
    record_delimiter: 'windows',
    quoted_string: true,
    // A row of one empty cell would be an empty line, which readers skip.
    quoted_empty: columns.length === 1,
  } as const;
  return {
    mediaType: 'text/csv; charset=utf-8',
    begin: () => stringify([columns.map(({ name }) => escapeFormulas(name))], { ...options, bom: true }),
    *write(orders) {
      for (const part of partsOf(rowsOfAll(orders, rows, columns))) {
        yield stringify(part, { ...options, cast: { string: unlikeEnd } });
      }
    },
    end: (count) =>
      stringify([columns.map((_column, index) => (index === 0 ? `${END}${count} orders` : null))], options),
  };
}

/** One order a line, as `GET /orders/{id}` returns it, and the number of orders on the last line. */
export const NDJSON_WRITER: OrderWriter = {
  mediaType: 'application/x-ndjson',
  begin: () => '',
  write: (orders) => [orders.map((order) => `${JSON.stringify(OrderResponse.from(order))}\n`).join('')],
  end: (count) => `${JSON.stringify({ count })}\n`,
};
