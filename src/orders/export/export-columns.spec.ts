import { describe, expect, it } from '@jest/globals';
import { columnNames, type ExportRows, MAX_EXPORT_COLUMNS, parseColumns } from './export-columns.js';

describe('columns of an export', () => {
  it.each<[string, ExportRows, string, RegExp]>([
    [
      'an unknown name',
      'lines',
      'order_id,foo',
      /^has "foo", which is no column of the export; the columns are order_id, .*line_total and metadata\.<key>$/,
    ],
    [
      'a column of lines',
      'orders',
      'order_id,price',
      /^has "price", which is no column of rows=orders; .*order_total and metadata\.<key>$/,
    ],
    ['a name of every object', 'lines', 'constructor', /^has "constructor"/],
    ['none', 'lines', '', /^has ""/],
    ['an empty one', 'lines', 'order_id,', /^has ""/],
    ['one twice', 'lines', 'number,order_id,number', /once.*"number"/],
    ['a key without letters', 'orders', 'metadata.', /^has "metadata\."/],
    ['a long key', 'orders', `metadata.${'k'.repeat(41)}`, /^has "metadata\.k{40}"/],
    ['a control character in a key', 'orders', 'metadata.a\u0000', /^has/],
    [
      'too many',
      'orders',
      Array.from({ length: MAX_EXPORT_COLUMNS + 1 }, (_, n) => `metadata.${n}`).join(),
      /at most/,
    ],
  ])('are refused: %s', (_what, rows, names, message) => {
    expect(parseColumns(rows, names)).toMatch(message);
  });

  it('are not more than a request may name, with a key of metadata for each that an order has', () => {
    expect(columnNames('lines').length + 50).toBeLessThanOrEqual(MAX_EXPORT_COLUMNS);
  });
});
