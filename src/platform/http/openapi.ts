import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { OperationObject } from './openapi-objects.js';
import { examplesOf, ProblemResponse, problemContent } from './problem.openapi.js';
import {
  IDEMPOTENCY_REPLAYED_HEADER,
  RATE_LIMIT_HEADERS,
  REQUEST_ID_HEADER,
  retryAfterHeader,
} from './response-headers.openapi.js';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

/** The request header of operations whose answers may be replayed. */
const KEY = 'Idempotency-Key';

/** What may be wrong with any request before anybody knows which operation it is for. */
const MALFORMED = [
  'invalid-request',
  'malformed-request',
  'request-timeout',
  'payload-too-large',
  'uri-too-long',
  'unsupported-media-type',
  'expectation-failed',
  'headers-too-large',
] as const;

/** Operations of which there may be any number in a minute. */
const UNLIMITED = /^\/health/;

const DESCRIPTION = `Takes orders, reserves their stock, stores them and notifies the customer.

Errors are problem details (RFC 9457): tell them apart by \`type\`, which stays as it is; \`detail\` is for people. Members
that you do not know are to be ignored, since there may be more of them one day. Send an \`Idempotency-Key\` with every
order: then any request may be repeated until there is an answer.`;

const TAGS = {
  orders: 'Placing orders, finding them, and what becomes of them.',
  operations: 'What only a person can settle.',
  callers: 'Who is asking, and what it may do.',
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
  const document = SwaggerModule.createDocument(app, config.build(), { extraModels: [ProblemResponse] });
  // The builder knows licences by their address only; this one, which grants nothing, has none.
  document.info.license = { name: 'Unlicensed', identifier: 'LicenseRef-Unlicensed' } as { name: string };
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of METHODS.map((method) => item[method])) {
      if (operation) completeOperation(path, operation);
      closeSchemas(document, operation?.requestBody);
    }
  }
  return document;
}

/** Serves Swagger UI at /docs and the document at /docs-json. */
export function serveOpenApiDocument(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => buildOpenApiDocument(app), { jsonDocumentUrl: 'docs-json' });
}

/** Adds what holds for every operation, so that no controller has to say it and none can forget it. */
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
  responses['4XX'] ??= {
    description: 'The request is wrong as HTTP, whatever it is for.',
    content: problemContent(MALFORMED.flatMap(examplesOf)),
  };
  const takesKey =
    operation.parameters?.some((parameter) => 'name' in parameter && parameter.name === KEY) ?? false;
  for (const response of Object.values(responses)) {
    if (response === undefined || '$ref' in response) continue;
    response.headers = {
      ...response.headers,
      ...(takesKey && IDEMPOTENCY_REPLAYED_HEADER),
      ...(isLimited && RATE_LIMIT_HEADERS),
      ...REQUEST_ID_HEADER,
    };
  }
}

/** Unknown fields of a body are refused, which the schemas of bodies therefore say; answers may get more members. */
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
