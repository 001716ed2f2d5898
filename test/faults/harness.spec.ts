import { describe, expect, it } from '@jest/globals';
import { type Break, breakBuild } from '../support/broken-build.js';
import { type CampaignEnd, runCampaignProcess } from '../support/campaign-process.js';

/** A campaign of this size takes 15 s; on a busy machine several times that. */
const TIMEOUT_MS = 360_000;

/** Some defects show only where requests meet in the same moment, which no seed decides. */
const MAX_CAMPAIGNS = 3;

/** Short campaigns with fixed seeds; each broken promise shows in one of them. */
const CAMPAIGNS = {
  calm: '--seed 3 --orders 100 --faults none --instances 1 --inventory per-product'.split(' '),
  sequencer:
    '--seed 9 --orders 30 --faults none --instances 1 --inventory per-product --points events.inside-batch,events.inside-batch'.split(
      ' ',
    ),
  pair: '--seed 5 --orders 100 --faults none --instances 2 --inventory per-product'.split(' '),
};

/** Orders whose first message is slow in the two breaks of leases: enough of them are changed in time. */
const SLOW = `task.kind === 'notify' && task.seq === 2 && /[0-3]$/.test(task.orderId)`;

const HANDLER_CALL = 'this.handler(task, deadline)';

/** Makes one attempt at a message slow, before it is sent. */
const slowAttempt = (attempt: number, ms: number): Break => ({
  file: 'tasks/task-runner.js',
  from: HANDLER_CALL,
  to: `(${SLOW} && task.attempts === ${attempt}
    ? new Promise((resolve) => setTimeout(resolve, ${ms})).then(() => ${HANDLER_CALL}) : ${HANDLER_CALL})`,
});

type CampaignName = keyof typeof CAMPAIGNS;

/** The lease ends before the first attempt is acknowledged, and then the second attempt is still to send its message. */
const LOST_LEASES: Break[] = [
  {
    file: 'tasks/task-runner.js',
    from: 'return this.policy.attemptTimeoutMs + LEASE_MARGIN_MS;',
    to: 'return 5_000;',
  },
  {
    file: 'tasks/task-worker.js',
    from: 'const failure = await runner.run(task, claimedAt);',
    to: `const failure = await runner.run(task, claimedAt);
      if (${SLOW} && task.attempts === 1) await sleep(7_500);`,
  },
  slowAttempt(2, 3_500),
];

const BREAKS: [promise: string, what: string, campaign: CampaignName, ...changes: Break[]][] = [
  [
    'P3',
    'a reference guards only after its order is complete',
    'pair',
    {
      file: 'orders/claims/order-claims.repository.js',
      from: 'WHERE 1 / (order_claims.order_id = excluded.order_id)::integer = 1`',
      to: '`',
    },
  ],
  [
    'erased',
    'an erasure leaves the notes of customers',
    'pair',
    { file: 'operations/personal-data/personal-data.repository.js', from: "'note',", to: '' },
  ],
  [
    'P1',
    'the task that notifies of an event is inserted after the commit of its number instead of with it',
    'sequencer',
    {
      file: 'events/sequencer.repository.js',
      from: 'prepared.push(await this.tasks.insertLeased(transaction, tasks));',
      to: 'this.late = tasks;',
    },
    {
      file: 'events/sequencer.repository.js',
      from: 'return batch;',
      to: `const late = this.late ?? [];
            this.late = undefined;
            for (const { orderId } of late) await reachPausePoint('events.inside-batch', orderId);
            if (late.length > 0) (await this.tasks.insertLeased(this.dataSource, late)).start();
            return batch;`,
    },
    {
      // The moment has one pause point, so that both kills come before the insert.
      file: 'events/sequencer.repository.js',
      from: 'for (const { orderId } of tasks)',
      to: 'for (const { orderId } of [])',
    },
  ],
  [
    'P1',
    'the sequencer continues by time instead of by what has no number',
    'calm',
    {
      file: 'events/sequencer.repository.js',
      from: "const NEW_EVENTS = 'e.feed_no = 0';",
      to: `const NEW_EVENTS = \`e.feed_no = 0
        AND e.occurred_at > (SELECT coalesce(max(occurred_at), '-infinity') FROM order_events WHERE feed_no > 0)\`;`,
    },
  ],
  [
    'P2',
    'an unknown reservation is released without a check whether it was made',
    'calm',
    {
      file: 'inventory/inventory-service.adapter.js',
      from: 'if (!line.certainlyHeld) {',
      to: 'if (false) {',
    },
    {
      // Makes the reservation unknown, which chance would not do in every short campaign.
      file: 'inventory/inventory-service.adapter.js',
      from: "await reachPausePoint('inventory.before-reserve', orderIdOf(reservationId));",
      to: "if (quantity === 3) throw new UpstreamFault('inventory service', 'timeout', 'no answer');",
    },
  ],
  [
    'P2',
    'the stock of a shipped order is released',
    'calm',
    {
      file: 'orders/order-status.js',
      from: "shipped: { next: ['delivered'], live: true",
      to: "shipped: { next: ['delivered'], live: false",
    },
  ],
  [
    'P3',
    'calls are made without an idempotency key',
    'calm',
    {
      file: 'platform/upstream/upstream-client.js',
      from: "headers['idempotency-key'] = request.idempotencyKey;",
      to: ';',
    },
  ],
  [
    'P3',
    'a key that another request claimed in the same moment counts as claimed',
    'calm',
    {
      file: 'idempotency/idempotency.repository.js',
      from: '1 / (idempotency_keys.order_id IS NOT DISTINCT FROM excluded.order_id)::integer = 1',
      to: 'false',
    },
  ],
  [
    'P4',
    'the stock of a cancelled order is not released',
    'calm',
    {
      file: 'orders/status/prepared-change.js',
      from: '...(endsLife ? [releaseStockTask(after.id, after.version)] : []),',
      to: '',
    },
  ],
  [
    'P4',
    'stock is reserved before the order is stored',
    'calm',
    {
      file: 'orders/place-order/place-order-saga.js',
      from: 'const verdict = await this.repository.insertPending(',
      to: 'return { order, lease }; const verdict = await this.repository.insertPending(',
    },
  ],
  [
    'P5',
    'the tasks of one lane do not wait for each other, and the first is slow',
    'calm',
    {
      file: 'tasks/task-inserts.js',
      from: "CASE WHEN first.is_first THEN 'ready' ELSE 'blocked' END",
      to: "'ready'",
    },
    {
      // As with a first task, so that both messages are sent at the same time.
      file: 'tasks/task-inserts.js',
      from: 'SELECT predecessor.is_found IS NULL AND n.position = 1 AS is_first',
      to: 'SELECT true AS is_first',
    },
    {
      file: 'notifications/notification-deliverer.js',
      from: "await reachPausePoint('notification.before-send', orderId);",
      to: 'if (seq === 2) await new Promise((resolve) => setTimeout(resolve, 2_000));',
    },
  ],
  [
    'P5',
    'an attempt is acknowledged without a check of its lease, which another one has taken',
    'pair',
    {
      file: 'tasks/task-leases.js',
      from: 'AND t.seq = l.seq AND t.lease_version = l.lease_version',
      to: 'AND t.seq = l.seq',
    },
    ...LOST_LEASES,
  ],
  [
    'P5',
    'two instances run one lane, because a claim does not hide the task from others',
    'pair',
    { file: 'tasks/task-leases.js', from: 'run_at = due.lease_end', to: 'run_at = t.run_at' },
    {
      // Neither does the first lease, which the insert takes.
      file: 'tasks/task-inserts.js',
      from: 'coalesce(first.lease_end, now()), now(),',
      to: 'now(), now(),',
    },
    slowAttempt(1, 1_500),
  ],
  [
    'P5',
    'stock is released without an event',
    'calm',
    {
      file: 'orders/place-order/stock-release.js',
      from: 'runAll(transaction, this.orders.eventInserts(events)),',
      to: '',
    },
  ],
  [
    'other',
    'a status change does not check whether the order has changed since it was read',
    'calm',
    {
      file: 'orders/status/order-writes.js',
      from: 'status, payments)\n     WHERE o.id = n.id AND o.version = n.version',
      to: 'status, payments)\n     WHERE o.id = n.id AND o.version >= n.version',
    },
  ],
];

function attack(campaign: CampaignName, ...more: string[]): Promise<CampaignEnd> {
  return runCampaignProcess([...CAMPAIGNS[campaign], ...more]);
}

describe('fault campaign on the unchanged service', () => {
  it.concurrent.each(['calm', 'sequencer'] as const)(
    'finds no broken promise: %s',
    async (campaign) => {
      const { report, exitCode } = await attack(campaign);
      expect(report.messages).toEqual([]);
      expect(exitCode).toBe(0);
    },
    TIMEOUT_MS,
  );

  it.concurrent(
    'finds no broken promise although attempts lose their leases',
    async () => {
      const slow = await breakBuild(LOST_LEASES);
      try {
        const { report } = await attack('pair', '--dist', slow.dist);
        expect(report.messages).toEqual([]);
      } finally {
        await slow.remove();
      }
    },
    TIMEOUT_MS,
  );
});

describe('fault campaign on a service with a defect', () => {
  // Most of the time these campaigns wait for open work that never ends, so they run concurrently.
  it.concurrent.each(BREAKS)(
    'reports the broken promise %s: %s',
    async (promise, _what, campaign, ...changes) => {
      const broken = await breakBuild(changes);
      try {
        // Open work never ends here, so there is no point in a long wait.
        const more = ['--dist', broken.dist, '--rest-seconds', '8', '--patience-seconds', '10'];
        let end = await attack(campaign, ...more);
        for (let again = 1; again < MAX_CAMPAIGNS && !end.report.violations[promise]; again += 1)
          end = await attack(campaign, ...more);
        const { report, exitCode, output } = end;
        expect(report.violations[promise]).toBeGreaterThan(0);
        expect(exitCode).toBe(1);
        expect(output).toContain(`To repeat it: npm run faults -- --seed ${CAMPAIGNS[campaign][1]}`);
      } finally {
        await broken.remove();
      }
    },
    TIMEOUT_MS,
  );
});
