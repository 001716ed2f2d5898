import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, RequireScopes } from '../auth/access.js';
import { databaseNow } from '../platform/database/database-clock.js';
import { BoundedReads } from '../platform/http/bounded-routes.js';
import { MERGE_PATCH_MEDIA_TYPE } from '../platform/http/input/json-body.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { CreateWebhookDto, UpdateWebhookDto } from './dto/webhook.dto.js';
import {
  WebhookListResponse,
  WebhookResponse,
  type WebhookWithSecretResponse,
} from './dto/webhook.response.js';
import {
  COMMON_PROBLEMS,
  CREATE_BODY,
  CREATE_PROBLEMS,
  CREATED,
  DELETED,
  ONE_PROBLEMS,
  ONE_WEBHOOK,
  UPDATE_BODY,
  UPDATE_PROBLEMS,
  WEBHOOK_ID,
  WEBHOOKS,
} from './dto/webhooks.openapi.js';
import { FeedPosition } from './replay/feed-position.js';
import { noteSubject } from '../platform/telemetry/request-context.js';
import { WEBHOOK } from './webhook-subject.js';
import { WebhooksService } from './webhooks.service.js';

// No Idempotency-Key: docs/decisions/0055.
@ApiTags('webhooks')
@Controller('webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly positions: FeedPosition,
  ) {}

  @Post()
  @RequireScopes('webhooks')
  @BoundedReads()
  @ApiOperation({
    operationId: 'createWebhook',
    summary: 'Create an endpoint that receives events',
    description:
      'It gets every later event of the feed that has one of its types, signed, in order per order, and repeated until it answers ' +
      'with a 2xx status.',
  })
  @ApiBody(CREATE_BODY)
  @ApiResponse(CREATED)
  @ApiProblems(...CREATE_PROBLEMS)
  async create(
    @Body() { url, events, description }: CreateWebhookDto,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookWithSecretResponse> {
    await this.positions.endOfComplete();
    const options = { url, eventTypes: typesOf(events), description: description ?? null };
    const { endpoint, standing, secret } = await this.webhooks.create(options, caller.id);
    noteSubject(WEBHOOK, endpoint.id);
    void reply.header('location', `/webhooks/${endpoint.id}`);
    return { ...WebhookResponse.from(endpoint, standing, databaseNow()), secret };
  }

  @Get()
  @RequireScopes('webhooks')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listWebhooks',
    summary: 'All endpoints, with what waits for them',
    description: 'There are at most 100.',
  })
  @ApiResponse(WEBHOOKS)
  @ApiProblems(...COMMON_PROBLEMS)
  async list(): Promise<WebhookListResponse> {
    const views = await this.webhooks.list();
    const now = databaseNow();
    return {
      webhooks: views.map(({ endpoint, standing }) => WebhookResponse.from(endpoint, standing, now)),
    };
  }

  @Get(':webhook_id')
  @RequireScopes('webhooks')
  @BoundedReads()
  @ApiOperation({
    operationId: 'getWebhook',
    summary: 'An endpoint, with what waits for it',
    description: 'Its secrets are not shown.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(ONE_WEBHOOK)
  @ApiProblems(...ONE_PROBLEMS)
  async get(@Param('webhook_id') id: string): Promise<WebhookResponse> {
    const { endpoint, standing } = await this.webhooks.get(id);
    return WebhookResponse.from(endpoint, standing, databaseNow());
  }

  @Patch(':webhook_id')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'updateWebhook',
    summary: 'Change the URL, the event types or the description of an endpoint',
    description:
      'A JSON Merge Patch (RFC 7396): null removes. Events that are queued already are sent to the new URL, and stay queued when ' +
      'their type is no longer wanted.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiConsumes('application/json', MERGE_PATCH_MEDIA_TYPE)
  @ApiBody(UPDATE_BODY)
  @ApiResponse(ONE_WEBHOOK)
  @ApiProblems(...UPDATE_PROBLEMS)
  async update(
    @Param('webhook_id') id: string,
    @Body() { url, events, description }: UpdateWebhookDto,
    @CurrentCaller() caller: Caller,
  ): Promise<WebhookResponse> {
    const changes = {
      ...(url !== undefined && { url }),
      ...(events !== undefined && { eventTypes: typesOf(events) }),
      ...(description !== undefined && { description }),
    };
    const { endpoint, standing } = await this.webhooks.update(id, changes, caller.id);
    return WebhookResponse.from(endpoint, standing, databaseNow());
  }

  @Delete(':webhook_id')
  @RequireScopes('webhooks')
  @BoundedReads()
  @HttpCode(204)
  @ApiOperation({
    operationId: 'deleteWebhook',
    summary: 'Delete an endpoint',
    description:
      'Nothing more is sent to it. The events that wait for it and its deliveries are deleted in the background.',
  })
  @ApiParam(WEBHOOK_ID)
  @ApiResponse(DELETED)
  @ApiProblems(...ONE_PROBLEMS)
  async delete(@Param('webhook_id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    await this.webhooks.delete(id, caller.id);
  }
}

/** A type counts once, however often a client repeats it. */
function typesOf(events: string[] | null | undefined): string[] | null {
  return events ? [...new Set(events)] : null;
}
