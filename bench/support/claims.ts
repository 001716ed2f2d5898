import type { Client } from 'pg';
import { median } from '../load/clients.ts';
import { withClient } from './database.ts';
import { loadBuilt } from './scene.ts';

/** As the worker claims after its start: the adaptive limit begins at 16. */
const TASKS_OF_A_CLAIM = 16;
const LEASE_MS = 15_000;

const ROUNDS = 200;

/** The cost of one claim, the statement by which the worker leases due tasks. */
export interface ClaimCost {
  /** Median, in milliseconds, without the commit. */
  ms: number;
  /** Pages that the claim reads and writes. */
  buffers: number;
}

interface Plan {
  'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } }];
}

/** Claims waiting notifications again and again, in transactions that are rolled back. */
export async function measureClaims(databaseUrl: string): Promise<ClaimCost> {
  const { CLAIM } = await loadBuilt<typeof import('../../src/tasks/task-leases.js')>('tasks/task-leases.js');
  const [statement] = CLAIM.of([['notify', TASKS_OF_A_CLAIM, LEASE_MS]]);
  if (!statement) throw new Error('a claim is one statement');
  const { text, values } = statement;
  return withClient(databaseUrl, async (client) => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1)
      times.push(
        await undone(client, async () => {
          const startedAt = performance.now();
          const { rowCount } = await client.query(text, values);
          if (rowCount !== TASKS_OF_A_CLAIM) throw new Error(`${rowCount} tasks were claimed`);
          return performance.now() - startedAt;
        }),
      );
    const buffers = await undone(client, async () => {
      const { rows } = await client.query<Plan>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      return (plan?.['Shared Hit Blocks'] ?? Number.NaN) + (plan?.['Shared Read Blocks'] ?? Number.NaN);
    });
    return { ms: median(times), buffers };
  });
}

/** Plans by index, as the worker does. */
async function undone<Result>(client: Client, work: () => Promise<Result>): Promise<Result> {
  await client.query('BEGIN; SET LOCAL enable_seqscan = off');
  try {
    return await work();
  } finally {
    await client.query('ROLLBACK');
    // Dead versions of the claimed rows would make every further round dearer.
    await client.query('VACUUM tasks');
  }
}
