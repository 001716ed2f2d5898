import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { cpuOf } from './processes.ts';

/** After this, what is still to be done has piled up, and the figures would lie. */
const DRAIN_TIMEOUT_MS = 60_000;
const DRAIN_CHECK_MS = 20;

/** Settings that decide the durability of a commit and the resources of the server. */
const TOLD_SETTINGS = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'wal_level',
  'shared_buffers',
  'huge_pages_status',
  'max_wal_size',
];

/** Does something on a connection of its own. */
export async function withClient<Result>(
  databaseUrl: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({ connectionString: databaseUrl });
  // When the server ends, queries in progress fail as well; without a listener the event would end the process before
  // the cleanup.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The settings that decide on durability and memory, as the server that is measured has them. */
export async function readSettings(databaseUrl: string): Promise<Record<string, string>> {
  return withClient(databaseUrl, async (client) => {
    const settings: Record<string, string> = {};
    for (const name of TOLD_SETTINGS) {
      const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
      settings[name] = rows[0]?.value ?? '';
    }
    return settings;
  });
}

/** Reads all tables and indexes of the service into the memory of the server, as far as there is room for them. */
export async function warmUp(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query('SET statement_timeout = 0');
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm');
    await client.query(
      `SELECT pg_prewarm(oid::regclass) FROM pg_class
       WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace`,
    );
  });
}

/** How many tasks are not finished, and how many of them are older than a time. */
export async function countOpenTasks(
  client: Client,
  before = new Date(0),
): Promise<{ all: number; older: number }> {
  const { rows } = await client.query<{ all: number; older: number }>(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE created_at < $1)::int AS older
     FROM tasks WHERE state <> 'dead'`,
    [before],
  );
  return rows[0] ?? { all: 0, older: 0 };
}

/** Tasks, and events whose number and tasks are not written yet. */
const OPEN_WORK = `SELECT 1 FROM (
    (SELECT 1 FROM tasks WHERE state <> 'dead' LIMIT 1) UNION ALL (SELECT 1 FROM order_events WHERE feed_no = 0 LIMIT 1)
  ) open`;

/**
 * Waits until no task is left, so that what one measurement has caused is not paid by the next.
 *
 * @returns how long that took, in milliseconds
 */
export async function untilDrained(databaseUrl: string, timeoutMs = DRAIN_TIMEOUT_MS): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const startedAt = performance.now();
    while ((await client.query(OPEN_WORK)).rowCount !== 0) {
      if (performance.now() - startedAt > timeoutMs)
        throw new Error(
          `${(await countOpenTasks(client)).all} tasks are left: they came faster than they were run`,
        );
      await sleep(DRAIN_CHECK_MS);
    }
    return performance.now() - startedAt;
  });
}

/** Processor time that each session of a database has used so far, in milliseconds, by its process. */
async function cpuBySession(databaseUrl: string): Promise<Map<number, number>> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    return new Map(await Promise.all(rows.map(async ({ pid }) => [pid, (await cpuOf(pid)) ?? 0] as const)));
  });
}

/**
 * Starts to count the processor time of a database's sessions. A session that ends in between is not counted: pools
 * end only sessions that were idle for seconds.
 *
 * @returns a function that returns the milliseconds used since then
 */
export async function countCpuOfSessions(databaseUrl: string): Promise<() => Promise<number>> {
  const before = await cpuBySession(databaseUrl);
  return async () => {
    const after = await cpuBySession(databaseUrl);
    return [...after].reduce((sum, [pid, used]) => sum + used - (before.get(pid) ?? 0), 0);
  };
}

/** @returns megabytes */
export async function sizeOf(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ megabytes: number }>(
      'SELECT (pg_database_size(current_database()) / 1048576)::int AS megabytes',
    );
    return rows[0]?.megabytes ?? 0;
  });
}
