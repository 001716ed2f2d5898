import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { register } from 'prom-client';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { renderErrors, renderMetrics, renderSettings } from '../support/reference.js';
import { startTestService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

const DOCUMENTS: [path: string, render: () => string][] = [
  ['docs/reference/settings.md', renderSettings],
  ['docs/reference/errors.md', renderErrors],
  ['docs/reference/metrics.md', () => renderMetrics([register, service.app.get(Metrics).registry])],
];

it.each(DOCUMENTS)('%s equals the output of `npm run reference`', async (path, render) => {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const text = await format(render(), { ...(await resolveConfig(file)), parser: 'markdown' });
  if (process.env['WRITE_REFERENCE'] === 'true') writeFileSync(file, text);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(text);
});
