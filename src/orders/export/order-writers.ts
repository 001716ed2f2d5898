import { stringify } from 'csv-stringify/sync';
import { OrderResponse } from '../dto/order.response.js';
import type { Order } from '../order.entity.js';
import { toJsonNumber, toJsonNumberOrNull, totalOf } from '../pricing/order-pricing.js';
import type { ExportFormat } from './export-orders.dto.js';

/** How orders are written into a file, some at a time. */
export interface OrderWriter {
  mediaType: string;
  /** Written before the first order. */
  begin(): string;
  write(orders: readonly Order[]): string;
  /** Written after the last order; a file without it is incomplete. */
  end(count: number): string;
}

/** The columns. Those before `line` repeat on every line of an order. */
const COLUMNS = [
  'order_id',
  'timestamp',
  'status',
  'version',
  'updated_at',
  'failure',
  'customer_id',
  'customer_name',
  'customer_email',
  'currency',
  'order_total',
  'line',
  'product_id',
  'product_name',
  'quantity',
  'price',
  'line_total',
] as const;

type Row = Record<(typeof COLUMNS)[number], string | number | null | undefined>;

/** One row for each line. The fields of the order repeat, so that every row can be filtered and sorted. */
function rowsOf(order: Order): Row[] {
  const { items, total_amount, ...about } = OrderResponse.from(order);
  return order.items.map((item, index) => ({
    ...about,
    failure: about.failure,
    order_total: total_amount,
    line: item.id,
    product_id: item.productId,
    product_name: item.productName,
    quantity: item.quantity,
    price: toJsonNumberOrNull(item.price),
    line_total:
      item.price === null
        ? null
        : toJsonNumber(totalOf([{ quantity: items[index]?.quantity ?? 0, price: item.price }])),
  }));
}

/**
 * Where a spreadsheet may begin to read a formula: at the start of a cell, and after anything that a program other than
 * the one that it was written for takes as a separator (Excel splits at the semicolon in most of Europe, LibreOffice at
 * tabs too, and all let a person choose another, such as a colon). Spaces and quotes in between do not keep a program from
 * reading a formula.
 */
const FORMULA_START = /(?<=^|[,;:\t|\r\n])(?=[\s"]*[=+\-@＝＋－＠])/g;

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

/**
 * RFC 4180 for spreadsheets, which need the byte order mark to read UTF-8. All text is quoted, so that a separator within
 * it does not split the cell in programs that respect quotes; for the others formulas are escaped.
 */
const CSV: OrderWriter = {
  mediaType: 'text/csv; charset=utf-8',
  begin: () => stringify([[...COLUMNS]], { bom: true, quoted_string: true, record_delimiter: 'windows' }),
  write: (orders) =>
    stringify(orders.flatMap(rowsOf), {
      columns: [...COLUMNS],
      record_delimiter: 'windows',
      quoted_string: true,
      cast: { string: escapeFormulas },
    }),
  end: (count) =>
    stringify([{ order_id: `end of export: ${count} orders` }], {
      columns: [...COLUMNS],
      record_delimiter: 'windows',
      quoted_string: true,
    }),
};

/** One order a line, as `GET /orders/{id}` returns it, and the number of orders on the last line. */
const NDJSON: OrderWriter = {
  mediaType: 'application/x-ndjson',
  begin: () => '',
  write: (orders) => orders.map((order) => `${JSON.stringify(OrderResponse.from(order))}\n`).join(''),
  end: (count) => `${JSON.stringify({ count })}\n`,
};

export const ORDER_WRITERS: Record<ExportFormat, OrderWriter> = { csv: CSV, ndjson: NDJSON };
