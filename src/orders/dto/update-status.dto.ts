import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { IsPlainText, MayBeAbsent } from './text.decorators.js';
import { IsOrderStatus, STATUS_SCHEMA } from './status.decorator.js';

/** A reason is a sentence for the history, not a document. */
const MAX_REASON_LENGTH = 500;

export class UpdateStatusDto {
  @ApiProperty({ ...STATUS_SCHEMA, example: 'shipped' })
  @IsOrderStatus()
  status!: string;

  @ApiPropertyOptional({ type: 'string', maxLength: MAX_REASON_LENGTH, example: 'Left with the courier' })
  @MayBeAbsent()
  @IsPlainText()
  @MaxLength(MAX_REASON_LENGTH, { message: `must have at most ${MAX_REASON_LENGTH} characters` })
  @IsString({ message: 'must be text' })
  reason?: string;
}
