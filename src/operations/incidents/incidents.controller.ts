import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { BULK_CHANGES } from '../../orders/bulk/bulk-status.js';
import { Bounded, BoundedReads } from '../../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { Problem } from '../../platform/http/problem.js';
import { EXAMPLE_ID } from '../../platform/http/fields.openapi.js';
import { ApiOperationProblems } from '../operations.openapi.js';
import { actionNotAllowed, incidentInProgress, paymentEnded } from '../operations.problems.js';
import { IncidentListResponse, RedriveResponse, SettlementResponse } from './dto/incident.response.js';
import { BulkIncidentsDto, BulkIncidentsResponse, IncidentCausesResponse } from './dto/bulk-incidents.dto.js';
import { ListIncidentsDto } from './dto/list-incidents.dto.js';
import { RedriveDto, SettleIncidentDto } from './dto/settle-incident.dto.js';
import { type IncidentKind, parseIncidentId } from './incident.js';
import { BulkIncidents } from './bulk-incidents.js';
import { IncidentFinder } from './incident-finder.js';
import { IncidentsService } from './incidents.service.js';
import { IncidentActions } from './incident-actions.js';

@ApiTags('operations')
@Controller('operations')
export class IncidentsController {
  constructor(
    private readonly incidents: IncidentsService,
    private readonly finder: IncidentFinder,
    private readonly actions: IncidentActions,
    private readonly bulk: BulkIncidents,
  ) {}

  @Get('incidents')
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listIncidents',
    summary: 'Incidents that only a person can resolve',
    description: 'Incidents of the oldest orders come first: they have waited longest.',
  })
  @ApiOkResponse({ description: 'A page of the incidents.', type: IncidentListResponse })
  @ApiOperationProblems('invalid-request')
  async list(
    @Query() { kind, order_id: orderId, endpoint_id: endpoint, limit, cursor }: ListIncidentsDto,
  ): Promise<IncidentListResponse> {
    const filter = { kind, ...filterOf(endpoint, kind ?? 'webhook_failed') };
    if (orderId !== undefined) {
      return IncidentListResponse.from(await this.incidents.listOfOrder(orderId.toLowerCase(), filter));
    }
    const after = cursor === undefined ? undefined : parseIncidentId(cursor);
    return IncidentListResponse.from(await this.incidents.list(filter, limit, after));
  }

  @Get('incidents/causes')
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listIncidentCauses',
    summary: 'Open incidents by kind and cause',
    description:
      'Shows what incidents have in common, as after an outage, and what can be done about all of them.',
  })
  @ApiOkResponse({ description: 'The open incidents by kind and cause.', type: IncidentCausesResponse })
  @ApiOperationProblems()
  async causes(): Promise<IncidentCausesResponse> {
    return IncidentCausesResponse.from(await this.finder.findGroups());
  }

  @Post('incidents/bulk')
  @RequireScopes('operations')
  @Bounded(BULK_CHANGES)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'settleManyIncidents',
    summary: 'Resolve all incidents of one kind and cause by one action',
    description:
      'Each incident is resolved as by `POST /operations/incidents/{incident_id}`, and each order has the decision in ' +
      'its history. One call takes a limited number: call again while `remaining` is not 0. No incident is resolved twice.',
  })
  @ApiOkResponse({
    description: 'How many incidents were resolved, and how many are left.',
    type: BulkIncidentsResponse,
  })
  @ApiOperationProblems('invalid-request')
  async settleMany(
    @Body() body: BulkIncidentsDto,
    @CurrentCaller() caller: Caller,
  ): Promise<BulkIncidentsResponse> {
    const { action, cause, reason, limit } = body;
    const filter = { kind: body.kind, ...filterOf(body.endpoint_id, body.kind) };
    const result = await this.bulk.settle({ ...filter, action, cause, reason, limit, actor: caller.id });
    return BulkIncidentsResponse.from(body, result);
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
  @ApiParam({ name: 'incident_id', description: 'Id of the incident, as listed.' })
  @ApiOkResponse({ description: 'The decision and its effect.', type: SettlementResponse })
  @ApiOperationProblems(
    'invalid-request',
    'incident-not-found',
    actionNotAllowed('release', ['retry', 'write_off']),
    incidentInProgress(EXAMPLE_ID),
    paymentEnded('pay_8f2k'),
    'upstream-unavailable',
    'upstream-answer-invalid',
  )
  async settle(
    @Param('incident_id') id: string,
    @Body() { action, reason }: SettleIncidentDto,
    @CurrentCaller() caller: Caller,
  ): Promise<SettlementResponse> {
    return SettlementResponse.from(await this.actions.settle(id, { action, reason, actor: caller.id }));
  }

  @Post('notifications/redrive')
  @RequireScopes('operations')
  @Bounded(BULK_CHANGES)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'redriveNotifications',
    summary: 'Send again all notifications that ran out of attempts',
    description:
      'The same as `POST /operations/incidents/bulk` with the action `retry` and the kind `notification`. The messages ' +
      'about one order arrive in the order of its events.',
  })
  @ApiBody({ type: RedriveDto, required: false })
  @ApiOkResponse({ description: 'How many messages are being sent again.', type: RedriveResponse })
  @ApiOperationProblems('invalid-request')
  async redrive(@Body() { reason }: RedriveDto, @CurrentCaller() caller: Caller): Promise<RedriveResponse> {
    const { changed, remaining } = await this.bulk.settle({
      action: 'retry',
      kind: 'notification',
      reason,
      actor: caller.id,
    });
    return { count: changed, more: remaining > 0 };
  }
}

/** Only events for endpoints have one. @throws {Problem} invalid-request */
function filterOf(
  endpointId: string | undefined,
  kind: IncidentKind,
): { kind?: 'webhook_failed'; endpointId?: string } {
  if (endpointId === undefined) return {};
  if (kind !== 'webhook_failed') {
    const message = 'is for incidents of the kind webhook_failed only';
    throw Problem.invalidRequest([{ field: 'endpoint_id', message }]);
  }
  return { kind, endpointId: endpointId.toLowerCase() };
}
