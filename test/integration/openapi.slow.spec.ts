import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lintFromString, loadConfig } from '@redocly/openapi-core';
import openapiTypes, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';
import { renderOpenApiDocument } from '../../src/openapi.js';
import { violationsOf } from '../support/contract/check.js';
import { FEED_EVENT_TYPES } from '../../src/events/event-type.js';
import { apiDocument, type Content, operations, pointerTo } from '../support/contract/document.js';
import { startTestService, type TestService } from '../support/service.js';

const inProject = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

describe('OpenAPI document', () => {
  it('equals docs/openapi.json (else: npm run build && npm run openapi)', async () => {
    const kept = await readFile(inProject('docs/openapi.json'), 'utf8');
    expect(kept).toBe(await renderOpenApiDocument());
  });

  it('is the source of docs/openapi.d.ts (else: npm run build && npm run openapi)', async () => {
    const file = inProject('docs/openapi.d.ts');
    const types = astToString(await openapiTypes(await renderOpenApiDocument()));
    const options = { ...(await resolveConfig(file)), parser: 'typescript' };
    // The command line puts a comment first.
    expect((await readFile(file, 'utf8')).replace(/^\/\*\*[^/]*\*\/\n\n/, '')).toBe(
      await format(types, options),
    );
  });

  it('is served at /docs-json', async () => {
    const { status, body } = await service.request('GET', '/docs-json');
    expect(status).toBe(200);
    expect(body).toEqual(JSON.parse(await renderOpenApiDocument()));
  });

  it('is shown at /docs', async () => {
    const { status, body } = await service.request('GET', '/docs');
    expect(status).toBe(200);
    expect(body).toContain('swagger-ui');
  });
});

/** The complaints of Redocly's linter about a document, by the rules in .redocly.yaml. */
async function lint(document: string): Promise<string[]> {
  const config = await loadConfig({ configPath: inProject('.redocly.yaml') });
  const findings = await lintFromString({
    source: document,
    absoluteRef: inProject('docs/openapi.json'),
    config,
  });
  return findings.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? 'somewhere'})`,
  );
}

describe('OpenAPI linter', () => {
  it('reports no problem in the document', async () => {
    expect(await lint(await renderOpenApiDocument())).toEqual([]);
  });

  it('reports missing descriptions', async () => {
    const document = JSON.parse(await renderOpenApiDocument()) as { info: object; servers: object[] };
    Object.assign(document, { info: { title: 'Order Service', version: '1' }, servers: [] });
    const findings = await lint(JSON.stringify(document));
    expect(findings).toHaveLength(2);
    for (const rule of ['info-license', 'no-empty-servers']) expect(findings.join()).toContain(`${rule}: `);
  });
});

/** All examples of a content, each with its place. */
function examplesOf(
  content: Record<string, Content> = {},
  at: string,
): [place: string, schema: string, value: unknown][] {
  return Object.entries(content).flatMap(([type, { example, examples = {} }]) => {
    const place = `${at}${pointerTo('content', type).slice(1)}`;
    const values = [
      ...(example === undefined ? [] : [example]),
      ...Object.values(examples).map(({ value }) => value),
    ];
    return values.map((value): [string, string, unknown] => [place, `${place}/schema`, value]);
  });
}

const EXAMPLES = operations.flatMap(({ pointer, requestBody, responses, parameters = [] }) => [
  ...examplesOf(requestBody?.content, `${pointer}/requestBody`),
  ...Object.values(responses).flatMap((response) => examplesOf(response.content, response.pointer)),
  ...parameters.flatMap(({ example }, index): [string, string, unknown][] => {
    const place = `${pointer}/parameters/${index}`;
    return example === undefined ? [] : [[place, `${place}/schema`, example]];
  }),
]);

describe('example in the OpenAPI document', () => {
  it.each(EXAMPLES)('conforms to its schema: %s', (_place, schema, value) => {
    expect(violationsOf(schema, value)).toEqual([]);
  });

  it.each([
    ['expected_total', 99_999_999_999.99, []],
    ['expected_total', 100_000_000_000, [expect.stringContaining('/expected_total must be <=')]],
    ['customer_id', Number.MAX_SAFE_INTEGER, []],
    [
      'customer_id',
      Number.MAX_SAFE_INTEGER + 1,
      expect.arrayContaining([expect.stringContaining('must be <=')]),
    ],
  ])('of a body has the limits of the code: %s %d', async (field, value, violations) => {
    const schema = pointerTo('components', 'schemas', 'PlaceOrderDto');
    const body = {
      customer_name: 'Alice',
      customer_email: 'alice@example.com',
      items: [{ product_id: 'PROD001', quantity: 1 }],
      [field]: value,
    };
    expect(violationsOf(schema, body)).toEqual(violations);
    const { body: problem } = await service.request('POST', '/orders', body);
    const refused = ((problem.errors ?? []) as { field: string }[]).map((error) => error.field);
    expect(refused).toEqual(Array.isArray(violations) && violations.length === 0 ? [] : [field]);
  });

  it('is rejected by its schema when it is not valid', () => {
    const schema = pointerTo('components', 'schemas', 'PlaceOrderDto');
    const value = { customer_name: 7, customer_email: 'alice@example.com', items: [] };
    expect(violationsOf(schema, value)).toEqual([
      expect.stringContaining('/customer_name must be string'),
      expect.stringContaining('/items must NOT have fewer than 1 items'),
    ]);
  });
});

describe('webhook in the OpenAPI document', () => {
  const { webhooks } = apiDocument;
  const described = Object.entries(webhooks).map(([type, { post }]) => ({ type, ...post }));

  it('describes every type of event, and the test', () => {
    expect(Object.keys(webhooks).toSorted()).toEqual([...FEED_EVENT_TYPES, 'webhook.test'].toSorted());
  });

  it.each(described)('$type has an example that conforms to its schema', ({ type, requestBody }) => {
    const content = requestBody.content['application/json'];
    expect(content?.example).toMatchObject({ type });
    const at = pointerTo('webhooks', type, 'post', 'requestBody', 'content', 'application/json', 'schema');
    expect(violationsOf(at, content?.example)).toEqual([]);
    const other = { ...(content?.example as object), type: 'order.unknown' };
    expect(violationsOf(at, other)).not.toEqual([]);
  });
});

/** Operations whose response is not a single JSON text. */
const OTHER_TYPES: Record<string, string[]> = {
  exportOrders: ['text/csv', 'application/x-ndjson'],
  streamOrders: ['text/event-stream'],
};

/** Operations without a body. */
const WITHOUT_BODY = ['retryDelivery', 'testWebhook', 'enableWebhook', 'disableWebhook'];

/** Names of path parameters that identify something that was created, so that an example of them can not exist. */
const CREATED = ['order_id', 'incident_id', 'delivery_id', 'webhook_id'];

describe('operation in the OpenAPI document', () => {
  it.each(operations)('$operationId has no example of an id that does not exist', ({ parameters = [] }) => {
    const examples = parameters
      .filter((parameter) => parameter.in === 'path')
      .filter(({ name, schema }) => CREATED.includes(name) || schema.format === 'uuid')
      .map((parameter) => parameter.example ?? parameter.schema.example);
    expect(examples.filter((example) => example !== undefined)).toEqual([]);
  });

  it('has no example of a filter, because Swagger UI would send it', () => {
    const filters = operations
      .flatMap(({ parameters = [] }) => parameters)
      .filter((parameter) => parameter.in === 'query');
    expect(filters.length).toBeGreaterThan(0);
    expect(filters.filter(({ example, schema }) => (example ?? schema.example) !== undefined)).toEqual([]);
  });

  it.each(operations.map((operation) => [operation.operationId, operation] as const))(
    '%s has an example of every body, and documents all response headers',
    (_name, { operationId, method, requestBody, responses }) => {
      if ((method === 'POST' || method === 'PUT') && !WITHOUT_BODY.includes(operationId)) {
        expect(examplesOf(requestBody?.content, '')).not.toEqual([]);
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '413', '415']));
      }
      for (const [status, { headers = {}, content = {} }] of Object.entries(responses)) {
        expect(headers).toHaveProperty('X-Request-Id');
        if (status === '304' || status === '204') continue;
        const success = OTHER_TYPES[operationId] ?? ['application/json'];
        expect(Object.keys(content)).toEqual(status < '400' ? success : ['application/problem+json']);
        expect(examplesOf(content, '')).not.toEqual([]);
      }
    },
  );
});
