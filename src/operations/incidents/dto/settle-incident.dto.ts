import { ApiProperty, ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { UpdateStatusDto } from '../../../orders/dto/update-status.dto.js';
import { INCIDENT_ACTIONS, type IncidentAction } from '../incident.js';

/** Body of `POST /operations/notifications/redrive`. */
export class RedriveDto extends PickType(UpdateStatusDto, ['reason'] as const) {
  /** Has the rules of the reason for a status; only the example differs. */
  @ApiPropertyOptional({ example: 'The service is back' })
  override reason?: string;
}

/** Body of `POST /operations/incidents/{id}`. */
export class SettleIncidentDto extends RedriveDto {
  @ApiProperty({ enum: INCIDENT_ACTIONS, description: 'One of the actions that the incident names.' })
  @IsIn(INCIDENT_ACTIONS, { message: `must be one of ${INCIDENT_ACTIONS.join(', ')}` })
  action!: IncidentAction;
}
