import { EXAMPLE_ID, EXAMPLE_TIME } from '../../platform/http/fields.openapi.js';
import { Problem } from '../../platform/http/problem.js';
import type { DocumentedProblem } from '../../platform/http/problem.openapi.js';
import { header } from '../../platform/http/response-headers.openapi.js';
import {
  feedIncomplete,
  replayInProgress,
  tooManySecrets,
  tooManyWebhooks,
  webhookNotFound,
} from '../webhook.problems.js';
import { MAX_SECRETS, MAX_WEBHOOKS } from '../webhooks.service.js';
import { CreateWebhookDto, ReplayDto, RotateSecretDto, UpdateWebhookDto } from './webhook.dto.js';
import { WebhookDeliveryListResponse, WebhookTestResponse } from './webhook-delivery.response.js';
import { WebhookListResponse, WebhookResponse, WebhookWithSecretResponse } from './webhook.response.js';

const EXAMPLE_WEBHOOK = '0199f6b8-2c6e-7cc3-9d0a-3f6a1c1b7a55';

export const WEBHOOK_ID = { name: 'webhook_id', description: 'Id of the endpoint.', format: 'uuid' };

const CREATED_AT = EXAMPLE_TIME;

const WEBHOOK = {
  id: EXAMPLE_WEBHOOK,
  url: 'https://erp.shop.example/webhooks',
  events: ['order.confirmed', 'order.cancelled'],
  description: 'ERP',
  state: 'enabled',
  disabled_reason: null,
  disabled_at: null,
  is_in_trouble: false,
  queued: 0,
  failed: 0,
  oldest_undelivered_at: null,
  read_until: 4711,
  replay: null,
  secrets: [{ created_at: CREATED_AT, valid_until: null }],
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
};

const SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD6dIbZmAH2Ls=';

export const CREATE_BODY = {
  type: CreateWebhookDto,
  examples: {
    all: { summary: 'All events', value: { url: WEBHOOK.url } },
    some: {
      summary: 'Events of some types',
      value: { url: WEBHOOK.url, events: WEBHOOK.events, description: WEBHOOK.description },
    },
  },
};

export const UPDATE_BODY = {
  type: UpdateWebhookDto,
  examples: {
    url: { summary: 'Another URL', value: { url: 'https://erp.shop.example/v2/webhooks' } },
    all: { summary: 'All events, and no description', value: { events: null, description: null } },
  },
};

export const ROTATE_BODY = {
  type: RotateSecretDto,
  required: false,
  examples: {
    day: { summary: 'The old secret is valid for another day', value: { valid_hours: 24 } },
    leaked: { summary: 'The old secret ends at once', value: { valid_hours: 0 } },
  },
};

export const REPLAY_BODY = {
  type: ReplayDto,
  examples: {
    numbers: { summary: 'By numbers of the feed', value: { after: 4000, until: 4500 } },
    time: { summary: 'From a time on', value: { after: '2026-11-21T20:00:00Z' } },
  },
};

export const CREATED = {
  status: 201,
  description: 'The endpoint, with the secret that signs its deliveries. The secret is not shown again.',
  type: WebhookWithSecretResponse,
  headers: header('Location', 'Where the endpoint is.', {
    required: true,
    format: 'uri-reference',
    example: `/webhooks/${EXAMPLE_WEBHOOK}`,
  }),
  example: { ...WEBHOOK, secret: SECRET },
};

export const WEBHOOKS = {
  status: 200,
  description: 'All endpoints.',
  type: WebhookListResponse,
  example: { webhooks: [WEBHOOK] },
};

export const ONE_WEBHOOK = {
  status: 200,
  description: 'The endpoint.',
  type: WebhookResponse,
  example: WEBHOOK,
};

export const DELETED = {
  status: 204,
  description: 'The endpoint is deleted, and nothing more is sent to it.',
};

export const REPLAY_CANCELLED = { status: 204, description: 'The endpoint has no replay.' };

export const ROTATED = {
  status: 200,
  description: 'The endpoint, with the new secret. The secret is not shown again.',
  type: WebhookWithSecretResponse,
  example: {
    ...WEBHOOK,
    secrets: [
      { created_at: '2026-11-27T08:00:00.000Z', valid_until: null },
      { created_at: CREATED_AT, valid_until: '2026-11-28T08:00:00.000Z' },
    ],
    updated_at: '2026-11-27T08:00:00.000Z',
    secret: SECRET,
  },
};

export const REPLAYING = {
  status: 202,
  description: 'The endpoint, whose replay has begun.',
  type: WebhookResponse,
  example: { ...WEBHOOK, replay: { after: 4000, until: 4500, read_until: 4000 } },
};

export const TESTED = {
  status: 200,
  description: 'How the endpoint answered.',
  type: WebhookTestResponse,
  example: { delivered: true, status: 200, duration_ms: 87, answer: 'ok', error: null },
};

export const DELIVERIES = {
  status: 200,
  description: 'A page of the deliveries.',
  type: WebhookDeliveryListResponse,
  example: {
    deliveries: [
      {
        event_id: `${EXAMPLE_ID}/2`,
        feed_no: 4711,
        order_id: EXAMPLE_ID,
        version: 2,
        type: 'order.confirmed',
        state: 'delivered',
        attempts: 1,
        status: 200,
        duration_ms: 87,
        answer: 'ok',
        error: null,
        attempted_at: EXAMPLE_TIME,
      },
    ],
    next_cursor: null,
  },
};

export const COMMON_PROBLEMS: DocumentedProblem[] = ['overloaded', 'database-unavailable'];

export const ONE_PROBLEMS: DocumentedProblem[] = [webhookNotFound(EXAMPLE_WEBHOOK), ...COMMON_PROBLEMS];

const URL_PROBLEM = Problem.invalidRequest([
  { field: 'url', message: 'must be an http(s) URL such as https://erp.shop.example/webhooks' },
]);

const FEED_INCOMPLETE = feedIncomplete(1_200_000, new Date(EXAMPLE_TIME));

export const CREATE_PROBLEMS: DocumentedProblem[] = [
  URL_PROBLEM,
  tooManyWebhooks(MAX_WEBHOOKS),
  FEED_INCOMPLETE,
  ...COMMON_PROBLEMS,
];

export const UPDATE_PROBLEMS: DocumentedProblem[] = [URL_PROBLEM, ...ONE_PROBLEMS];

export const ROTATE_PROBLEMS: DocumentedProblem[] = [
  'invalid-request',
  tooManySecrets(MAX_SECRETS),
  ...ONE_PROBLEMS,
];

export const REPLAY_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([
    {
      field: 'after',
      message: 'must be a number of the feed from 0 on, or a time with its zone, as in 2026-01-31T12:00:00Z',
    },
  ]),
  FEED_INCOMPLETE,
  replayInProgress(EXAMPLE_WEBHOOK),
  ...ONE_PROBLEMS,
];
