import { ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { IsIn, IsUUID, ValidateBy } from 'class-validator';
import { ListOrdersDto } from '../dto/list-orders.dto.js';
import { MayBeAbsent } from '../dto/text.decorators.js';
import { columnNames, EXPORT_ROWS, type ExportRows, parseColumns } from './export-columns.js';
import { csvWriter, NDJSON_WRITER, type OrderWriter } from './order-writers.js';

/** `csv` for spreadsheets (RFC 4180), `ndjson` for programs: a JSON object a line. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Lines of NDJSON are whole orders, whose schema the document has; a program picks what it needs. */
function OnlyForCsv(): PropertyDecorator {
  return ValidateBy({
    name: 'onlyForCsv',
    validator: {
      validate: (_value, args) => (args?.object as ExportOrdersDto | undefined)?.format !== 'ndjson',
      defaultMessage: () => 'must be absent with format=ndjson, where each line is a whole order',
    },
  });
}

function columnsError(value: unknown, query: object | undefined): string | undefined {
  if (typeof value !== 'string') return 'must be names of columns, between commas';
  const columns = parseColumns((query as ExportOrdersDto).rows === 'orders' ? 'orders' : 'lines', value);
  return typeof columns === 'string' ? columns : undefined;
}

function IsColumnList(): PropertyDecorator {
  return ValidateBy({
    name: 'isColumnList',
    validator: {
      validate: (value: unknown, args) => columnsError(value, args?.object) === undefined,
      defaultMessage: (args) => columnsError(args?.value, args?.object) ?? '',
    },
  });
}

/** Query of `GET /orders/export`: the filters of the list, and the form. There are no pages. */
export class ExportOrdersDto extends OmitType(ListOrdersDto, ['limit', 'cursor'] as const) {
  @ApiPropertyOptional({ enum: EXPORT_FORMATS, default: 'csv', description: 'How the orders are written.' })
  @IsIn(EXPORT_FORMATS, { message: `must be one of ${EXPORT_FORMATS.join(', ')}` })
  format: ExportFormat = 'csv';

  @ApiPropertyOptional({
    enum: EXPORT_ROWS,
    default: 'lines',
    description:
      'What a row of the CSV file is: a line, or an order, so that a column of amounts can be summed. Not with `ndjson`.',
  })
  @MayBeAbsent()
  @IsIn(EXPORT_ROWS, { message: `must be one of ${EXPORT_ROWS.join(', ')}` })
  @OnlyForCsv()
  rows?: ExportRows;

  @ApiPropertyOptional({
    type: 'string',
    minLength: 1,
    description:
      `The columns of the CSV file, between commas: ${columnNames('orders').join(', ')}; with \`rows=lines\` also ` +
      `${columnNames('lines').slice(columnNames('orders').length).join(', ')}; and \`metadata.<key>\` for one value of ` +
      'the metadata of the order, as in order_id,number,total_amount,metadata.campaign. Not with `ndjson`.',
  })
  @MayBeAbsent()
  @IsColumnList()
  @OnlyForCsv()
  columns?: string;

  @ApiPropertyOptional({
    type: 'string',
    format: 'uuid',
    description: 'The last order of an export that broke off, to get those that come after it.',
  })
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the id of an order' })
  cursor?: string;
}

/** The writer of a query that was checked. */
export function writerOf({ format, rows = 'lines', columns }: ExportOrdersDto): OrderWriter {
  if (format === 'ndjson') return NDJSON_WRITER;
  const parsed = parseColumns(rows, columns);
  if (typeof parsed === 'string') throw new TypeError(`columns ${parsed}`);
  return csvWriter(rows, parsed);
}
