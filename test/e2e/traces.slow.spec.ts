import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.js';
import { callsTo, line, orderBody, statusesTold } from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.js';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.js';
import { eventually, send, testSettings } from '../support/service.js';

const TEST_TIMEOUT_MS = 60_000;

/** Trace ids of the clients, and the client span that is the parent. */
const PLACED = '4bf92f3577b34da6a3ce929d0e0e4736';
const FAILED = '0af7651916cd43dd8448eb211c80319c';
const UNRECORDED = '80e1afed08e019fc1110464cfa66635c';
const CALLER_SPAN = '00f067aa0ba902b7';
const STATE = 'congo=t61rcWkgMzE';

let database: TestDatabase;
let sandbox: Sandbox;
let receiver: OtlpReceiver;

function start(settings: Record<string, string>): Promise<ServiceProcess> {
  return startServiceProcess({ ...testSettings(sandbox, database.url), LOG_LEVEL: 'info', ...settings });
}

function inTrace(traceId: string): Record<string, string> {
  return { traceparent: `00-${traceId}-${CALLER_SPAN}-01`, tracestate: STATE };
}

/** Places an order with two lines, and waits until its customer was notified. @returns its id */
async function placeOrder(url: string, headers: Record<string, string> = {}): Promise<string> {
  const body = orderBody([line('PROD001'), line('PROD002')]);
  const answer = await send(`${url}/orders`, 'POST', body, headers);
  expect(answer.status).toBe(201);
  const id = String(answer.body.order_id);
  await eventually(() => statusesTold(sandbox, id).length > 0);
  return id;
}

/** The trace context that the upstream services received. */
function traceparentsSent(traceId: string): string[] {
  const sent = callsTo(sandbox).map(({ causedBy }) => causedBy?.['traceparent'] ?? '');
  return sent.filter((traceparent) => traceparent.includes(traceId)).toSorted();
}

function spansOf(traceId: string, name: string): ReceivedSpan[] {
  return receiver.spans.filter((span) => span.traceId === traceId && span.name === name);
}

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({ ports: { inventory: 0, notification: 0, catalog: 0, carts: 0 } });
  receiver = await startOtlpReceiver();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  receiver?.close();
  await sandbox?.close();
  await database?.drop();
}, TEST_TIMEOUT_MS);

describe('tracing with an OTLP endpoint', () => {
  let orderId: string;
  let orderWithoutTrace: string;
  let log: string;

  /** Includes the spans that are sent at shutdown. */
  beforeAll(async () => {
    const service = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_SERVICE_NAME: 'orders-of-a-test',
    });
    orderId = await placeOrder(service.url, inTrace(PLACED));
    orderWithoutTrace = await placeOrder(service.url);
    sandbox.services.inventory.faults.add({ kind: 'status', status: 500, times: 3 });
    await send(`${service.url}/orders`, 'POST', orderBody(), inTrace(FAILED));
    await service.end('SIGTERM');
    log = service.output();
  }, TEST_TIMEOUT_MS);

  it('exports one trace for an order, from the request to the notification', () => {
    const [request, ...others] = spansOf(PLACED, 'POST /orders');
    expect(others).toEqual([]);
    expect(request).toMatchObject({ parentSpanId: CALLER_SPAN, kind: 2 });
    expect(request?.attributes).toMatchObject({ 'http.response.status_code': 201, 'order.id': orderId });

    const below = { parentSpanId: request?.spanId };
    expect(spansOf(PLACED, 'GET inventory service')).toMatchObject([below, below]);
    expect(spansOf(PLACED, 'PUT inventory service')).toMatchObject([below, below]);
    expect(spansOf(PLACED, 'transaction')).toMatchObject([below, below]);

    const [job] = spansOf(PLACED, 'task notify');
    expect(job).toMatchObject({ ...below, kind: 5 });
    expect(spansOf(PLACED, 'POST notification service')).toMatchObject([{ parentSpanId: job?.spanId }]);
  });

  it('passes the trace context to the upstream services', () => {
    const calls = receiver.spans.filter(
      ({ traceId, name }) => traceId === PLACED && name.endsWith(' service'),
    );
    expect(calls).toHaveLength(5);
    expect(traceparentsSent(PLACED)).toEqual(
      calls.map(({ spanId }) => `00-${PLACED}-${spanId}-01`).toSorted(),
    );
    const sent = callsTo(sandbox).filter(({ causedBy }) => causedBy?.['traceparent']?.includes(PLACED));
    expect(new Set(sent.map(({ causedBy }) => causedBy?.['tracestate']))).toEqual(new Set([STATE]));
  });

  it('starts a trace when the client sends none, with its id in the log', () => {
    const lines = log.split('\n').filter((text) => text.includes('"msg":"request"'));
    const about = lines.map((text) => JSON.parse(text) as Record<string, string>);
    const traceId = about.find((fields) => fields['orderId'] === orderWithoutTrace)?.['traceId'] ?? '';
    expect(traceId).not.toBe('');
    expect(spansOf(traceId, 'POST /orders')).toMatchObject([{ parentSpanId: '' }]);
    expect(spansOf(traceId, 'POST notification service')).toHaveLength(1);
  });

  it('marks failed spans with their error', () => {
    const failed = { status: 2, attributes: { 'http.response.status_code': 500 } };
    expect(spansOf(FAILED, 'GET inventory service')).toMatchObject([failed, failed, failed]);
    expect(spansOf(FAILED, 'POST /orders')).toMatchObject([
      { status: 2, attributes: { 'error.type': 'upstream-unavailable', 'http.response.status_code': 503 } },
    ]);
  });

  it('exports no personal data, and no spans of health checks and metrics', () => {
    expect(receiver.resource).toMatchObject({ 'service.name': 'orders-of-a-test' });
    expect(JSON.stringify(receiver.spans)).not.toMatch(/alice/i);
    expect(receiver.spans.filter(({ name }) => /health|metrics/.test(name))).toEqual([]);
    expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(3);
  });
});

describe('tracing without an OTLP endpoint', () => {
  it(
    'passes the trace context of the client through unchanged',
    async () => {
      const before = receiver.spans.length;
      const service = await start({});
      await placeOrder(service.url, inTrace(UNRECORDED));
      await service.end('SIGTERM');
      expect(traceparentsSent(UNRECORDED)).toEqual(
        Array.from({ length: 5 }, () => inTrace(UNRECORDED)['traceparent']),
      );
      expect(receiver.spans).toHaveLength(before);
    },
    TEST_TIMEOUT_MS,
  );
});

describe('tracing with an unreachable OTLP endpoint', () => {
  it(
    'does not affect orders, logs the outage once, and does not delay the stop',
    async () => {
      const service = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
      await placeOrder(service.url);
      expect(await service.end('SIGTERM')).toBe(0);
      expect(service.output().match(/Traces can not be sent/g)).toHaveLength(1);
    },
    TEST_TIMEOUT_MS,
  );
});
