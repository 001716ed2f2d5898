import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { renderOpenApiDocument } from '../../src/openapi.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

describe('the OpenAPI document', () => {
  it('is in docs/openapi.json as the code makes it (else: npm run build && npm run openapi)', async () => {
    const kept = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
    expect(kept).toBe(await renderOpenApiDocument());
  });

  it('is served at /docs-json, the same', async () => {
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
