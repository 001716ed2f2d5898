import { ApiPropertyOptional, PickType } from '@nestjs/swagger';
import {
  IsIn,
  IsUUID,
  Validate,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { ListOrdersDto } from '../../../orders/dto/list-orders.dto.js';
import { MayBeAbsent } from '../../../orders/dto/text.decorators.js';
import { INCIDENT_KIND_NAMES, type IncidentKind, parseIncidentId } from '../incident.js';

@ValidatorConstraint({ name: 'isIncidentId' })
class IsIncidentId implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && parseIncidentId(value) !== undefined;
  }

  defaultMessage(): string {
    return 'must be the next_cursor of an earlier answer';
  }
}

/** Query of `GET /operations/incidents`. */
export class ListIncidentsDto extends PickType(ListOrdersDto, ['limit'] as const) {
  @ApiPropertyOptional({ enum: INCIDENT_KIND_NAMES, description: 'Incidents of this kind only.' })
  @MayBeAbsent()
  @IsIn(INCIDENT_KIND_NAMES, { message: `must be one of ${INCIDENT_KIND_NAMES.join(', ')}` })
  kind?: IncidentKind;

  @ApiPropertyOptional({ format: 'uuid', description: 'Incidents of this order only, all on one page.' })
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the id of an order' })
  order_id?: string;

  @ApiPropertyOptional({
    format: 'uuid',
    description: 'Incidents of this endpoint of webhooks only, which are of the kind `webhook_failed`.',
  })
  @MayBeAbsent()
  @IsUUID('all', { message: 'must be the id of an endpoint' })
  endpoint_id?: string;

  @ApiPropertyOptional({ type: 'string', description: '`next_cursor` of the page before.' })
  @MayBeAbsent()
  @Validate(IsIncidentId)
  cursor?: string;
}
