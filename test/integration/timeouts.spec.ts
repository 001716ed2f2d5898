import { expect, it } from '@jest/globals';
import { loadSettings } from '../../src/config/load-settings.js';
import { Settings } from '../../src/config/settings.js';
import { LEASE_MARGIN_MS, LONGEST_PAUSE_MS } from '../../src/orders/place-order/place-order-saga.js';
import { SILENCE_MARGIN_MS } from '../../src/platform/database/session/resilient-client.js';
import { FINISH_MS } from '../../src/platform/database/session/statement-time.js';
import { STANDSTILL_MS } from '../../src/platform/background-loops.js';
import {
  CONNECT_TIMEOUT_MS as DATABASE_CONNECT_TIMEOUT_MS,
  IDLE_IN_TRANSACTION_TIMEOUT_MS,
  STATEMENT_TIMEOUT_MS,
} from '../../src/platform/database/data-source.js';
import { ADMISSION_MS } from '../../src/platform/http/adaptive-concurrency-limit.js';
import { connectionLimits, serverOptions } from '../../src/platform/http/edge/connection-limits.js';
import { READER_LIMITS } from '../../src/platform/http/load/slow-readers.js';
import { LEASE_MARGIN_MS as TASK_LEASE_MARGIN_MS } from '../../src/tasks/task-runner.js';
import { ATTEMPT_TIMEOUT_MS } from '../../src/tasks/tasks.service.js';
import { CONNECT_TIMEOUT_MS } from '../../src/platform/upstream/undici-transport.js';
import { RESET_MS } from '../../src/platform/upstream/upstream-circuit.js';
import { ATTEMPT_TIMEOUT_MS as WEBHOOK_ATTEMPT_MS } from '../../src/webhooks/delivery/delivery-policy.js';
import { CONNECT_TIMEOUT_MS as WEBHOOK_CONNECT_MS } from '../../src/webhooks/delivery/guarded-connect.js';
import { ANSWER_TIMEOUT_MS } from '../../src/webhooks/delivery/webhook-client.js';

const {
  UPSTREAM_TIMEOUT_MS: upstream,
  REQUEST_DEADLINE_MS: deadline,
  RECOVERY_WINDOW_MS: window,
  RECOVERY_INTERVAL_MS: interval,
} = new Settings();

const lease = deadline + LEASE_MARGIN_MS;
const limits = connectionLimits(new Settings());
const taskLease = ATTEMPT_TIMEOUT_MS + TASK_LEASE_MARGIN_MS;

/** Pairs of a waiting part and what it waits for, as in docs/timeouts.md. */
const RELATIONS: [string, number, string, number][] = [
  ['an attempt of a call', upstream, 'connecting', CONNECT_TIMEOUT_MS],
  ['an attempt of a call', upstream, 'the reset timeout of a circuit', RESET_MS],
  ['an attempt at a task', ATTEMPT_TIMEOUT_MS, 'an attempt of a call', upstream],
  ['the deadline of a request', deadline, 'three attempts of a call', 3 * upstream],
  ['the deadline of a request', deadline, 'admission', 10 * ADMISSION_MS],
  ['the deadline of a request', deadline, 'a connection to the database', DATABASE_CONNECT_TIMEOUT_MS],
  [
    'the socket timeout of the database',
    STATEMENT_TIMEOUT_MS + SILENCE_MARGIN_MS,
    'a statement',
    STATEMENT_TIMEOUT_MS,
  ],
  [
    'the limit for a stalled loop',
    STANDSTILL_MS,
    'a socket timeout and a connect',
    STATEMENT_TIMEOUT_MS + SILENCE_MARGIN_MS + DATABASE_CONNECT_TIMEOUT_MS,
  ],
  ['the lease', lease, 'the deadline of a request', deadline],
  ['the lease', lease, 'the last statement of a request', deadline + FINISH_MS],
  ['the lease', lease, 'the timeout of an idle transaction', IDLE_IN_TRANSACTION_TIMEOUT_MS],
  ['the timeout of a whole request', limits.requestMs, 'the timeout of its headers', limits.headMs],
  ['the timeout of request headers', limits.headMs, 'the interval of its check', limits.checkMs],
  [
    'the timeout of a silent connection',
    limits.silentMs,
    'the deadline and a statement',
    deadline + STATEMENT_TIMEOUT_MS,
  ],
  ['the timeout of a silent connection', limits.silentMs, 'the timeout of a whole request', limits.requestMs],
  [
    'the timeout of a silent connection',
    limits.silentMs,
    'the read pause of a client',
    READER_LIMITS.graceMs + READER_LIMITS.checkMs,
  ],
  ['the keep-alive timeout', limits.idleMs, 'the usual one of load balancers', 60_000],
  ['an answer of a webhook', ANSWER_TIMEOUT_MS, 'its connection', WEBHOOK_CONNECT_MS],
  ['an attempt at a webhook', WEBHOOK_ATTEMPT_MS, 'its answer', ANSWER_TIMEOUT_MS],
  ['the lease of a task', taskLease, 'an attempt at it', ATTEMPT_TIMEOUT_MS],
  [
    'the recovery window',
    window,
    'a lease, the longest pause and a claim',
    lease + LONGEST_PAUSE_MS + interval,
  ],
];

it.each(RELATIONS)('%s (%i ms) is longer than %s (%i ms)', (_longer, longer, _shorter, shorter) => {
  expect(longer).toBeGreaterThan(shorter);
});

it('a statement ends before the lease of the task that waits for it', () => {
  expect(STATEMENT_TIMEOUT_MS).toBeLessThanOrEqual(taskLease);
});

it('the keep-alive timeout may exceed that of the load balancer in front', () => {
  const environment = { DATABASE_URL: 'postgres://localhost/orders' };
  const longer = connectionLimits(loadSettings({ ...environment, KEEP_ALIVE_TIMEOUT_MS: '620000' }));
  expect(serverOptions(longer).keepAliveTimeout).toBe(620_000);
  expect(() => loadSettings({ ...environment, KEEP_ALIVE_TIMEOUT_MS: '999' })).toThrow(
    'KEEP_ALIVE_TIMEOUT_MS',
  );
});

it('a task timeout below the timeout of its upstream call is rejected', () => {
  const environment = { DATABASE_URL: 'postgres://localhost/orders', REQUEST_DEADLINE_MS: '120000' };
  const set = (milliseconds: number) => () =>
    loadSettings({
      ...environment,
      RECOVERY_WINDOW_MS: '240000',
      UPSTREAM_TIMEOUT_MS: String(milliseconds),
    });
  expect(set(ATTEMPT_TIMEOUT_MS)).not.toThrow();
  expect(set(ATTEMPT_TIMEOUT_MS + 1)).toThrow('UPSTREAM_TIMEOUT_MS');
});
