import { ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { IsIn, IsUUID } from 'class-validator';
import { ListOrdersDto } from '../dto/list-orders.dto.js';
import { MayBeAbsent } from '../dto/text.decorators.js';

/** `csv` for spreadsheets (RFC 4180), `ndjson` for programs: a JSON object a line. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Query of `GET /orders/export`: the filters of the list, and the form. There are no pages. */
export class ExportOrdersDto extends OmitType(ListOrdersDto, ['limit', 'cursor'] as const) {
  @ApiPropertyOptional({ enum: EXPORT_FORMATS, default: 'csv', description: 'How the orders are written.' })
  @IsIn(EXPORT_FORMATS, { message: `must be one of ${EXPORT_FORMATS.join(', ')}` })
  format: ExportFormat = 'csv';

  @ApiPropertyOptional({
    type: 'string',
    format: 'uuid',
    description: 'The last order of an export that broke off, to get those that come after it.',
  })
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the id of an order' })
  cursor?: string;
}
