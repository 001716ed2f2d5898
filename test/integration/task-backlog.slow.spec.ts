import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { CLAIM } from '../../src/tasks/task-leases.js';
import {
  ANY,
  insert,
  type Instance,
  newOrderId,
  openTaskDatabase,
  type TaskDatabase,
} from './task-database.js';

const BACKLOG = 100_000;

/** Size of the small backlog, and how many times its pages a claim may read with the large one. */
const FEW = 1_000;
const MORE = 2;

let tasks: TaskDatabase;
let instance: Instance;

beforeEach(async () => {
  tasks = await openTaskDatabase();
  instance = await tasks.start();
});
afterEach(() => tasks.close());

/** Lanes of `perLane` tasks each, the first one in a given state and due after some seconds. */
async function fill(
  lanes: number,
  perLane: number,
  first: 'ready' | 'dead',
  dueInSeconds = 0,
): Promise<void> {
  await tasks.query(
    `INSERT INTO tasks (order_id, lane, seq, id, kind, payload, state, run_at, lease_version, attempts, max_attempts,
       created_at, dead_at)
     SELECT o.id, 'lane', s, gen_random_uuid(), 'test', '{}', CASE WHEN s = 1 THEN $3 ELSE 'blocked' END,
       now() + $4 * interval '1 second', 0, 0, 2, now(), CASE WHEN s = 1 AND $3 = 'dead' THEN now() END
     FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1::int)) o, generate_series(1, $2::int) s`,
    [lanes, perLane, first, dueInSeconds],
  );
}

/** Pages that a claim reads and writes, in a transaction that is rolled back. */
async function pagesOfClaim(): Promise<number> {
  const statements = CLAIM.of([[ANY.kind, ANY.limit, ANY.leaseMs]]);
  const client = new Client(tasks.database.url);
  await client.connect();
  try {
    await client.query('BEGIN; SET LOCAL enable_seqscan = off');
    let pages = 0;
    for (const { text, values } of statements) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
        values,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      pages += (plan?.['Shared Hit Blocks'] ?? Number.NaN) + (plan?.['Shared Read Blocks'] ?? Number.NaN);
    }
    await client.query('ROLLBACK');
    return pages;
  } finally {
    await client.end();
  }
}

describe('backlog of 100,000 tasks', () => {
  it.each<[what: string, lanes: number, perLane: number, first: 'ready' | 'dead', dueInSeconds: number]>([
    ['each the first of its lane', BACKLOG, 1, 'ready', 0],
    ['all in one lane', 1, BACKLOG, 'ready', 0],
    ['each behind a dead one', BACKLOG / 2, 2, 'dead', 0],
    ['all for their next attempt', BACKLOG, 1, 'ready', 3_600],
  ])(
    'does not make a claim read more than with few tasks: %s',
    async (_what, lanes, perLane, first, dueInSeconds) => {
      await fill(FEW, 1, 'ready');
      const few = await pagesOfClaim();
      await fill(lanes, perLane, first, dueInSeconds);
      // Before ANALYZE has run, and after.
      for (const statement of ['SELECT 1', 'ANALYZE tasks']) {
        await tasks.query(statement);
        expect(await pagesOfClaim()).toBeLessThan(few * MORE);
      }
    },
    60_000,
  );

  it('does not delay the claim of a due task behind those that are not due', async () => {
    await fill(BACKLOG / 2, 2, 'dead');
    const orderId = newOrderId();
    await insert(instance, orderId, 1);
    expect(await instance.repository.claim([ANY])).toMatchObject([{ orderId }]);
  }, 60_000);
});
