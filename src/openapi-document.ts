import { STATUS_CODES } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { exampleOf } from './openapi-examples.js';
import type { OperationObject, ResponseObject } from './platform/http/openapi-objects.js';
import { examplesOf, ProblemResponse, problemContent } from './platform/http/problem.openapi.js';
import { describeWebhooks, WEBHOOK_BODIES } from './webhooks/dto/webhook-events.openapi.js';
import {
  CACHE_HEADERS,
  IDEMPOTENCY_REPLAYED_HEADER,
  RATE_LIMIT_HEADERS,
  REQUEST_ID_HEADER,
  retryAfterHeader,
} from './platform/http/response-headers.openapi.js';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

/** The request header of operations with replays. */
const KEY = 'Idempotency-Key';

/**
 * Problems of a request before it is routed to an operation, by status. Each status has its own entry instead of the
 * range `4XX`, which generators of clients do not understand.
 */
const MALFORMED = {
  '400': ['invalid-request', 'malformed-request'],
  '408': ['request-timeout'],
  '413': ['payload-too-large'],
  '414': ['uri-too-long'],
  '415': ['unsupported-media-type'],
  '417': ['expectation-failed'],
  '431': ['headers-too-large'],
} as const;

/** Operations without a rate limit. */
const UNLIMITED = /^\/health/;

const DESCRIPTION = `Takes orders, reserves their stock, stores them and notifies the customer.

Errors are problem details (RFC 9457): distinguish them by \`type\`, which is stable; \`detail\` is for people. Ignore unknown
members, because later versions may add some. Send an \`Idempotency-Key\` with every order: then any request may be retried
until there is a response.`;

const TAGS = {
  orders: 'Placing orders, finding them, and what becomes of them.',
  events: 'The feed of all changes, for programs that follow it.',
  webhooks: 'Endpoints that receive events, and what they receive.',
  operations: 'Incidents that only a person can resolve.',
  callers: 'The caller and its scopes.',
  health: 'For supervisors and load balancers.',
};

/** The OpenAPI 3.1 document of the application, made from its controllers. */
export function buildOpenApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Order Service')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .addServer('/', 'This service')
    .addSecurity('bearer', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'An access token of the issuer that the service trusts; taken where AUTH has `jwt`.',
    })
    .addSecurity('apiKey', {
      type: 'apiKey',
      in: 'header',
      name: 'X-API-Key',
      description: 'A key of an admin tool or a service; taken where AUTH has `api-key`.',
    });
  for (const [tag, description] of Object.entries(TAGS)) config.addTag(tag, description);
  const extraModels = [ProblemResponse, ...WEBHOOK_BODIES];
  const document = SwaggerModule.createDocument(app, config.build(), { extraModels });
  document.components = { ...document.components, responses: malformedResponses() };
  // The builder knows licenses by their address only; OpenAPI 3.1 has the SPDX identifier for it.
  document.info.license = { name: 'Apache License 2.0', identifier: 'Apache-2.0' } as { name: string };
  document.webhooks = describeWebhooks();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of METHODS.map((method) => item[method])) {
      if (operation) {
        completeOperation(path, operation);
        addExamples(document, operation);
      }
      closeSchemas(document, operation?.requestBody);
    }
  }
  return document;
}

/** Serves Swagger UI at /docs and the document at /docs-json. */
export function serveOpenApiDocument(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => buildOpenApiDocument(app), {
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { plugins: [withoutTryingStreams] },
  });
}

/** The state of Swagger UI that the plugin below reads, an immutable map. */
interface SwaggerUiState {
  getIn(path: readonly string[]): { has(key: string): boolean } | undefined;
}

/**
 * A plugin of Swagger UI that offers no "Try it out" for streams, because the page shows an answer only once it has ended.
 * It runs in the browser: Swagger UI gets its source text, so it refers to nothing outside of itself.
 */
function withoutTryingStreams(): object {
  return {
    statePlugins: {
      spec: {
        wrapSelectors: {
          allowTryItOutFor: () => (state: SwaggerUiState, path: string, method: string) =>
            !state
              .getIn(['json', 'paths', path, method, 'responses', '200', 'content'])
              ?.has('text/event-stream'),
        },
      },
    },
  };
}

/** Adds the parts that every operation has, so that no controller can forget them. */
function completeOperation(path: string, operation: OperationObject): void {
  const { responses } = operation;
  responses['500'] ??= {
    description: 'The service has failed. The fault has been logged under the id of the request.',
    content: problemContent(examplesOf('internal-error')),
  };
  const isLimited = !UNLIMITED.test(path);
  if (isLimited) {
    responses['429'] ??= {
      description: 'This caller has sent more requests in a minute than it may.',
      headers: retryAfterHeader(true),
      content: problemContent(examplesOf('rate-limit-exceeded')),
    };
  }
  for (const status of Object.keys(MALFORMED)) {
    responses[status] ??= { $ref: `#/components/responses/${malformedName(status)}` };
  }
  const takesKey =
    operation.parameters?.some((parameter) => 'name' in parameter && parameter.name === KEY) ?? false;
  for (const response of Object.values(responses)) {
    if (response === undefined || '$ref' in response) continue;
    response.headers = {
      ...response.headers,
      ...(takesKey && IDEMPOTENCY_REPLAYED_HEADER),
      ...(isLimited && RATE_LIMIT_HEADERS),
      ...CACHE_HEADERS,
      ...REQUEST_ID_HEADER,
    };
  }
}

/** Every JSON body of a response gets the example that its fields have. */
function addExamples(document: OpenAPIObject, { operationId = '', responses }: OperationObject): void {
  for (const response of Object.values(responses)) {
    const json = response && 'content' in response ? response.content?.['application/json'] : undefined;
    if (json?.schema && !json.examples) json.example ??= exampleOf(document, json.schema, operationId);
  }
}

/** The answers to requests that are wrong as HTTP, which operations refer to. */
function malformedResponses(): Record<string, ResponseObject> {
  return Object.fromEntries(
    Object.entries(MALFORMED).map(([status, names]) => {
      const examples = names.flatMap(examplesOf);
      return [
        malformedName(status),
        {
          description: `${STATUS_CODES[status]}: the request is malformed; applies to every operation.`,
          headers: { ...CACHE_HEADERS, ...REQUEST_ID_HEADER },
          content: problemContent(examples),
        },
      ];
    }),
  );
}

function malformedName(status: string): string {
  return `Malformed${status}`;
}

/** Bodies with unknown fields are refused, so the schemas of bodies forbid them; responses may get more members. */
function closeSchemas(document: OpenAPIObject, node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key !== '$ref') {
      closeSchemas(document, value);
      continue;
    }
    const schema = document.components?.schemas?.[String(value).split('/').at(-1) ?? ''];
    if (schema === undefined || '$ref' in schema || schema.additionalProperties === false) continue;
    schema.additionalProperties = false;
    closeSchemas(document, schema.properties);
  }
}
