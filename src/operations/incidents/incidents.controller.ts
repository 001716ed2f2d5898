import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../../platform/http/caller.js';
import {
  ApiOperationProblems,
  INCIDENTS,
  REDRIVE_BODY,
  REDRIVE_PROBLEMS,
  REDRIVEN,
  SETTLE_BODY,
  SETTLED,
  SETTLING_PROBLEMS,
} from '../dto/operations.openapi.js';
import { IncidentListResponse, RedriveResponse, SettlementResponse } from '../dto/incident.response.js';
import { ListIncidentsDto } from '../dto/list-incidents.dto.js';
import { RedriveDto, SettleIncidentDto } from '../dto/settle-incident.dto.js';
import { parseIncidentId } from './incident.js';
import { IncidentsService } from './incidents.service.js';
import { IncidentActions } from './incident-actions.js';

@ApiTags('operations')
@Controller('operations')
export class IncidentsController {
  constructor(
    private readonly incidents: IncidentsService,
    private readonly operations: IncidentActions,
  ) {}

  @Get('incidents')
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listIncidents',
    summary: 'Incidents that only a person can resolve',
    description: 'Incidents of the oldest orders come first: they have waited longest.',
  })
  @ApiResponse(INCIDENTS)
  @ApiOperationProblems('invalid-request', 'database-unavailable')
  async list(
    @Query() { kind, order_id: orderId, limit, cursor }: ListIncidentsDto,
  ): Promise<IncidentListResponse> {
    if (orderId !== undefined) {
      return IncidentListResponse.from(await this.incidents.listOfOrder(orderId.toLowerCase(), kind));
    }
    const after = cursor === undefined ? undefined : parseIncidentId(cursor);
    return IncidentListResponse.from(await this.incidents.list(kind, limit, after));
  }

  @Post('incidents/:incident_id')
  @RequireScopes('operations')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'settleIncident',
    summary: 'Resolve an incident by one of its actions',
    description:
      'The decision is written into the history of the order. The same action again gives the same answer and has ' +
      'no further effect.',
  })
  @ApiBody(SETTLE_BODY)
  @ApiParam({ name: 'incident_id', description: 'Id of the incident, as listed.' })
  @ApiResponse(SETTLED)
  @ApiOperationProblems(...SETTLING_PROBLEMS)
  async settle(
    @Param('incident_id') id: string,
    @Body() { action, reason }: SettleIncidentDto,
    @CurrentCaller() caller: Caller,
  ): Promise<SettlementResponse> {
    return SettlementResponse.from(await this.operations.settle(id, { action, reason, actor: caller.id }));
  }

  @Post('notifications/redrive')
  @RequireScopes('operations')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'redriveNotifications',
    summary: 'Send again all notifications that ran out of attempts',
    description: 'The messages about one order arrive in the order of its events.',
  })
  @ApiBody(REDRIVE_BODY)
  @ApiResponse(REDRIVEN)
  @ApiOperationProblems(...REDRIVE_PROBLEMS)
  async redrive(@Body() { reason }: RedriveDto, @CurrentCaller() caller: Caller): Promise<RedriveResponse> {
    return this.operations.redriveNotifications({ reason, actor: caller.id });
  }
}
