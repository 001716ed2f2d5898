import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { FEED_EVENT_TYPES } from '../../events/event-type.js';
import { Count, Text, Time, Uuid } from '../../platform/http/fields.openapi.js';
import {
  type EndpointStanding,
  MAX_COUNTED,
  MAX_COUNTED_OFTEN,
} from '../endpoints/endpoint-standings.repository.js';
import type { DisabledReason, StoredSecret, WebhookEndpoint } from '../webhook-endpoint.entity.js';

/** An event that waits for longer needs attention: a receiver that is restarted is back sooner. */
const TROUBLE_AFTER_MS = 600_000;

const COUNTED = `counted to ${MAX_COUNTED}, in the list of endpoints to ${MAX_COUNTED_OFTEN}`;

const FEED_NO = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

/** As two schemas, because an enum that holds null breaks generators of clients that know enums of text only. */
const NULLABLE_REASON = { oneOf: [{ type: 'string', enum: ['operator', 'gone'] }, { type: 'null' }] };

export class WebhookSecretResponse {
  @Time()
  created_at!: string;

  @Time.nullable('Until when deliveries are signed with it too; null of the current one.')
  valid_until!: string | null;

  static from({ created_at, valid_until }: StoredSecret): WebhookSecretResponse {
    return { created_at, valid_until };
  }
}

export class WebhookReplayResponse {
  @Count(4000, 'Events after this number are sent again,', FEED_NO)
  after!: number;

  @Count(4711, 'up to this one.', FEED_NO)
  until!: number;

  @Count(4200, 'The events up to this number are queued.', FEED_NO)
  read_until!: number;

  static from({ replayAfter, replayUntil, replayReadUntil }: WebhookEndpoint): WebhookReplayResponse | null {
    if (replayUntil === null) return null;
    return {
      after: Number(replayAfter),
      until: Number(replayUntil),
      read_until: Number(replayReadUntil),
    };
  }
}

@ApiExtraModels(WebhookReplayResponse)
export class WebhookResponse {
  @Uuid()
  id!: string;

  @Text('https://erp.shop.example/webhooks', undefined, { format: 'uri' })
  url!: string;

  @ApiProperty({
    type: 'array',
    items: { type: 'string', enum: [...FEED_EVENT_TYPES] },
    nullable: true,
    example: ['order.confirmed', 'order.cancelled'],
    description: 'The types of events that are sent; null for all.',
  })
  events!: string[] | null;

  @Text.nullable('ERP')
  description!: string | null;

  @ApiProperty({ enum: ['enabled', 'disabled'] })
  state!: 'enabled' | 'disabled';

  @ApiProperty({
    ...NULLABLE_REASON,
    description: '`gone`: the endpoint answered 410, so that nothing more is sent until it is enabled again.',
  })
  disabled_reason!: DisabledReason | null;

  @Time.nullable()
  disabled_at!: string | null;

  @ApiProperty({
    example: false,
    description:
      'Whether it needs attention: it answered 410, deliveries have failed, or it is enabled and an event has waited for ten minutes.',
  })
  is_in_trouble!: boolean;

  @Count(0, `Events that wait to be delivered or retried, ${COUNTED}.`, {
    maximum: MAX_COUNTED,
  })
  queued!: number;

  @Count(0, `Events that are out of attempts, which are incidents, ${COUNTED}.`, {
    maximum: MAX_COUNTED,
  })
  failed!: number;

  @Time.nullable('Since when the oldest event waits that was not delivered.')
  oldest_undelivered_at!: string | null;

  @Count(4711, 'Events up to this `feed_no` are queued or do not match.', FEED_NO)
  read_until!: number;

  @ApiProperty({
    oneOf: [{ $ref: getSchemaPath(WebhookReplayResponse) }, { type: 'null' }],
    description: 'The replay that is in progress.',
  })
  replay!: WebhookReplayResponse | null;

  @ApiProperty({ type: [WebhookSecretResponse], description: 'The newest first, without the secrets.' })
  secrets!: WebhookSecretResponse[];

  @Time()
  created_at!: string;

  @Time()
  updated_at!: string;

  static from(endpoint: WebhookEndpoint, standing: EndpointStanding, now: Date): WebhookResponse {
    return {
      id: endpoint.id,
      url: endpoint.url,
      events: endpoint.eventTypes,
      description: endpoint.description,
      state: endpoint.state === 'enabled' ? 'enabled' : 'disabled',
      disabled_reason: endpoint.disabledReason,
      disabled_at: endpoint.disabledAt?.toISOString() ?? null,
      is_in_trouble: isInTrouble(endpoint, standing, now),
      queued: standing.queued,
      failed: standing.failed,
      oldest_undelivered_at: standing.oldestAt?.toISOString() ?? null,
      read_until: Number(endpoint.readUntil),
      replay: WebhookReplayResponse.from(endpoint),
      secrets: endpoint.secrets.map((secret) => WebhookSecretResponse.from(secret)),
      created_at: endpoint.createdAt.toISOString(),
      updated_at: endpoint.updatedAt.toISOString(),
    };
  }
}

/** An endpoint that an operator has disabled waits on purpose. */
function isInTrouble(
  { state, disabledReason }: WebhookEndpoint,
  { failed, oldestAt }: EndpointStanding,
  now: Date,
): boolean {
  const isLate =
    state === 'enabled' && oldestAt !== null && now.getTime() - oldestAt.getTime() > TROUBLE_AFTER_MS;
  return disabledReason === 'gone' || failed > 0 || isLate;
}

export class WebhookWithSecretResponse extends WebhookResponse {
  @Text('whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD6dIbZmAH2Ls=', 'Shown only in this response.')
  secret!: string;
}

export class WebhookListResponse {
  @ApiProperty({ type: [WebhookResponse], description: 'All endpoints, oldest first.' })
  webhooks!: WebhookResponse[];
}
