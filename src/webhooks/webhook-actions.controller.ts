import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { type Caller, CurrentCaller, RequireScopes } from '../auth/access.js';
import { databaseNow } from '../platform/database/database-clock.js';
import { Bounded, BoundedReads } from '../platform/http/bounded-routes.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { parseCursor } from './history/delivery-cursor.js';
import { ListWebhookDeliveriesDto, ReplayDto, RotateSecretDto } from './dto/webhook.dto.js';
import { WebhookDeliveryListResponse, type WebhookTestResponse } from './dto/webhook-delivery.response.js';
import { WebhookResponse, type WebhookWithSecretResponse } from './dto/webhook.response.js';
import {
  DELIVERIES,
  ONE_PROBLEMS,
  ONE_WEBHOOK,
  REPLAY_BODY,
  REPLAY_CANCELLED,
  REPLAY_PROBLEMS,
  REPLAYING,
  ROTATE_BODY,
  ROTATE_PROBLEMS,
  ROTATED,
  TESTED,
  WEBHOOK_ID,
} from './dto/webhooks.openapi.js';
import { REPLAY_WINDOW } from './dispatch/dispatch.repository.js';
import { WebhookReplays } from './replay/webhook-replays.js';
import { WebhookDeliveriesRepository } from './history/webhook-deliveries.repository.js';
import { TEST_CALLS, WebhookTestCall } from './webhook-test-call.js';
import { type WebhookView, WebhooksService } from './webhooks.service.js';

@ApiTags('webhooks')
@Controller('webhooks')
export class WebhookActionsController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly replays: WebhookReplays,
    private readonly tests: WebhookTestCall,
    private readonly deliveries: WebhookDeliveriesRepository,
  ) {}

  @Post(':webhook_id/rotate-secret')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'rotateWebhookSecret',
    summary: 'Replace the secret of an endpoint',
    description:
      'Until the earlier secrets end, every delivery has a signature with each of them, so that receivers can be changed one by one.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiBody(ROTATE_BODY)
  @ApiResponse(ROTATED)
  @ApiProblems(...ROTATE_PROBLEMS)
  async rotate(
    @Param('webhook_id') id: string,
    @Body() { valid_hours: validHours }: RotateSecretDto,
    @CurrentCaller() caller: Caller,
  ): Promise<WebhookWithSecretResponse> {
    const { secret, ...view } = await this.webhooks.rotateSecret(id, validHours, caller.id);
    return { ...responseOf(view), secret };
  }

  @Post(':webhook_id/test')
  @RequireScopes('webhooks')
  @Bounded(TEST_CALLS)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'testWebhook',
    summary: 'Call an endpoint once, now',
    description:
      'Sends a signed event of the type `webhook.test`, also to a disabled endpoint. It is not repeated, and no delivery.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(TESTED)
  @ApiProblems(...ONE_PROBLEMS)
  async test(@Param('webhook_id') id: string, @CurrentCaller() caller: Caller): Promise<WebhookTestResponse> {
    const { status, durationMs, answer, error } = await this.tests.send(id, caller.id);
    return { delivered: error === null, status, duration_ms: durationMs, answer, error };
  }

  @Post(':webhook_id/enable')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'enableWebhook',
    summary: 'Enable an endpoint',
    description: 'It gets all events since it was disabled. One that is enabled stays as it is.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(ONE_WEBHOOK)
  @ApiProblems(...ONE_PROBLEMS)
  async enable(@Param('webhook_id') id: string, @CurrentCaller() caller: Caller): Promise<WebhookResponse> {
    return responseOf(await this.webhooks.enable(id, caller.id));
  }

  @Post(':webhook_id/disable')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'disableWebhook',
    summary: 'Disable an endpoint',
    description:
      'Nothing is sent until it is enabled again; no event is lost. Attempts under way are finished.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(ONE_WEBHOOK)
  @ApiProblems(...ONE_PROBLEMS)
  async disable(@Param('webhook_id') id: string, @CurrentCaller() caller: Caller): Promise<WebhookResponse> {
    return responseOf(await this.webhooks.disable(id, caller.id));
  }

  @Get(':webhook_id/deliveries')
  @RequireScopes('webhooks')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listWebhookDeliveries',
    summary: 'Events that were sent to an endpoint, with the last attempt',
    description:
      'The newest attempts come first. An event is listed from its first attempt on, until 30 days after its last one.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(DELIVERIES)
  @ApiProblems('invalid-request', ...ONE_PROBLEMS)
  async listDeliveries(
    @Param('webhook_id') id: string,
    @Query() { state, limit, cursor }: ListWebhookDeliveriesDto,
  ): Promise<WebhookDeliveryListResponse> {
    const endpoint = await this.webhooks.find(id);
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const found = await this.deliveries.findPage(endpoint.id, state, after, limit + 1);
    return WebhookDeliveryListResponse.from(found, limit);
  }

  @Post(':webhook_id/replay')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'replayWebhook',
    summary: 'Send events of the feed to an endpoint again',
    description:
      'All events of the range that match the endpoint are sent, with the same `webhook-id` as before; one whose delivery still ' +
      'waits or is under way is sent once. New events are sent beside them. There is one replay at a time.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiBody(REPLAY_BODY)
  @ApiResponse(REPLAYING)
  @ApiProblems(...REPLAY_PROBLEMS)
  async replay(
    @Param('webhook_id') id: string,
    @Body() { after, until }: ReplayDto,
    @CurrentCaller() caller: Caller,
  ): Promise<WebhookResponse> {
    return responseOf(await this.replays.start(id, { after, until }, caller.id));
  }

  @Delete(':webhook_id/replay')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(204)
  @ApiOperation({
    operationId: 'cancelWebhookReplay',
    summary: 'Cancel the replay of an endpoint',
    description:
      `No more events of the replay are queued. Those that are queued, at most ${REPLAY_WINDOW}, are still sent. Without a replay ` +
      'it has no effect.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(REPLAY_CANCELLED)
  @ApiProblems(...ONE_PROBLEMS)
  async cancelReplay(@Param('webhook_id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    await this.replays.cancel(id, caller.id);
  }
}

function responseOf({ endpoint, standing }: WebhookView): WebhookResponse {
  return WebhookResponse.from(endpoint, standing, databaseNow());
}
