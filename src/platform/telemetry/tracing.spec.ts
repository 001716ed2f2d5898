import { afterEach, describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../config/load-settings.js';
import { startSpan } from './tracer.js';
import { startTracing } from './tracing.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
const SPAN = { name: 'something', kind: 'internal' } as const;
const SAMPLED = 1;

let stop: (() => Promise<void>) | undefined;

async function start(environment: Record<string, string>): Promise<void> {
  stop = await startTracing(loadSettings({ DATABASE_URL: 'postgres://localhost/orders', ...environment }));
}

afterEach(async () => {
  await stop?.();
  stop = undefined;
});

describe('traces', () => {
  it.each([
    [{}],
    [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ])('are not recorded with %j', async (environment) => {
    await start(environment);
    expect(startSpan(SPAN)).toBeUndefined();
  });

  it.each([
    [{}, true, true],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, false, false],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, false, true],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, false, false],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, false, true],
  ])('are sampled with %j: new ones %s, those of others %s', async (environment, isNew, isOfOthers) => {
    await start({ ...ENDPOINT, ...environment });
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: SAMPLED };
    expect(startSpan(SPAN)?.context.flags).toBe(isNew ? SAMPLED : 0);
    expect(startSpan({ ...SPAN, parent })?.context).toMatchObject({
      traceId: parent.traceId,
      flags: isOfOthers ? SAMPLED : 0,
    });
  });
});
