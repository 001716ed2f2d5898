import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { GroupCommit } from '../../src/platform/database/batching/group-commit.js';
import { MultiRowStatement } from '../../src/platform/database/batching/multi-row-statement.js';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { poolOf } from '../../src/platform/database/connection.js';
import { inTransaction } from '../../src/platform/database/transaction.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const INSERT = new MultiRowStatement(
  '(?, ?)',
  (rows) => `INSERT INTO notes (id, text) VALUES ${rows} ON CONFLICT (id) DO NOTHING RETURNING id`,
);

interface Note {
  id: number;
  text: string | null;
}

let database: TestDatabase;
let dataSource: DataSource;
let other: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 4 } as const;
  dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
  other = new Client({ connectionString: database.url });
  await other.connect();
  // Each test's own, so that one that was broken off leaves nothing to the next.
  await other.query('CREATE TABLE notes (id integer PRIMARY KEY, text text NOT NULL)');
});

beforeEach(() => other.query('TRUNCATE notes'));

afterEach(() => {
  const pool = poolOf(dataSource);
  // Whatever has happened, no connection is kept.
  expect(pool?.idleCount).toBe(pool?.totalCount);
});

afterAll(async () => {
  await other?.end();
  await dataSource?.destroy();
  await database?.drop();
});

function notes(size: number): { commits: GroupCommit<Note, 'taken'>; groups: number[] } {
  const groups: number[] = [];
  const commits = new GroupCommit<Note, 'taken'>(dataSource, size, async (transaction, items) => {
    groups.push(items.length);
    const rows = items.map(({ id, text }) => [id, text]);
    const written = await INSERT.run<{ id: number }>(transaction, rows);
    return items.map(({ id }) => (written.some((row) => row.id === id) ? 'written' : 'taken'));
  });
  return { commits, groups };
}

const note = (id: number): Note => ({ id, text: `note ${id}` });
const many = (count: number) => Array.from({ length: count }, (_, at) => note(at + 1));

/** The ids that are stored, and how many transactions have stored them. */
async function stored(): Promise<{ ids: number[]; transactions: number }> {
  const { rows } = await other.query<{ id: number; xmin: string }>(
    'SELECT id, xmin::text FROM notes ORDER BY id',
  );
  return { ids: rows.map(({ id }) => id), transactions: new Set(rows.map(({ xmin }) => xmin)).size };
}

describe('what is written together', () => {
  it.each([1, 2, 3, 7, 64, 100])('is one transaction of all %d that come at the same time', async (count) => {
    const { commits } = notes(200);
    const verdicts = await Promise.all(many(count).map((item) => commits.add(item)));
    expect(new Set(verdicts)).toEqual(new Set(['written']));
    expect(await stored()).toEqual({ ids: many(count).map(({ id }) => id), transactions: 1 });
  });

  it('is never more than the size says, and each on its own with a size of 1', async () => {
    const { commits, groups } = notes(4);
    await Promise.all(many(10).map((item) => commits.add(item)));
    expect(Math.max(...groups)).toBe(4);
    expect((await stored()).ids).toHaveLength(10);
    await other.query('TRUNCATE notes');
    const alone = notes(1);
    await Promise.all(many(5).map((item) => alone.commits.add(item)));
    expect(alone.groups).toEqual([1, 1, 1, 1, 1]);
    expect((await stored()).transactions).toBe(5);
  });

  it('is told of once it is committed, and not before', async () => {
    const { commits } = notes(10);
    await Promise.all(
      many(3).map(async (item) => {
        await commits.add(item);
        expect((await stored()).ids).toContain(item.id);
      }),
    );
  });
});

describe('one that can not be written', () => {
  it('because it is taken is told so, while the others are written', async () => {
    await other.query(`INSERT INTO notes VALUES (3, 'earlier')`);
    const { commits } = notes(10);
    const verdicts = await Promise.all(many(5).map((item) => commits.add(item)));
    expect(verdicts).toEqual(['written', 'written', 'taken', 'written', 'written']);
    expect((await stored()).ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('because a neighbour takes its place is not told so before the neighbour is committed', async () => {
    let calls = 0;
    const commits = new GroupCommit<Note, 'taken'>(dataSource, 10, async (transaction, items) => {
      calls += 1;
      // The neighbour is lost at its second try, the one without the other.
      if (calls === 2) await transaction.query('SELECT pg_terminate_backend(pg_backend_pid())');
      const written = await INSERT.run<{ id: number }>(transaction, [
        ...new Map(items.map(({ id, text }) => [id, [id, text]])).values(),
      ]);
      const left = new Set(written.map(({ id }) => id));
      return items.map(({ id }) => (left.delete(id) ? 'written' : 'taken'));
    });
    const outcomes = await Promise.allSettled([commits.add(note(1)), commits.add(note(1))]);
    expect(outcomes).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 'written' }]);
    expect((await stored()).ids).toEqual([1]);
  });

  it('because the database refuses it fails, while the others are written', async () => {
    const { commits } = notes(10);
    const items = many(5).map((item) => (item.id === 3 ? { ...item, text: null } : item));
    const outcomes = await Promise.allSettled(items.map((item) => commits.add(item)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(outcomes[2]).toMatchObject({ reason: { code: '23502' } });
    expect((await stored()).ids).toEqual([1, 2, 4, 5]);
  });

  it('because somebody else holds a lock waits alone, while the others are written', async () => {
    await other.query('BEGIN');
    await other.query(`INSERT INTO notes VALUES (3, 'in doubt')`);
    const { commits } = notes(10);
    const told: number[] = [];
    const adding = many(5).map(async (item) => {
      const verdict = await commits.add(item);
      told.push(item.id);
      return verdict;
    });
    await Promise.all(adding.filter((_, at) => at !== 2));
    expect(told).not.toContain(3);
    await other.query('ROLLBACK');
    expect(await Promise.all(adding)).toEqual(Array(5).fill('written'));
    expect((await stored()).ids).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a connection that is lost', () => {
  it('fails all that were to be written on it, and none is', async () => {
    const lost = new GroupCommit<Note, never>(dataSource, 10, async (transaction, items) => {
      const rows = items.map(({ id, text }) => [id, text]);
      await INSERT.run(transaction, rows);
      const [session] = await transaction.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      await other.query('SELECT pg_terminate_backend($1, 5000)', [session?.pid]);
      return items.map(() => 'written' as const);
    });
    const outcomes = await Promise.allSettled(many(3).map((item) => lost.add(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await stored()).ids).toEqual([]);
    const { commits } = notes(10);
    expect(await commits.add(note(1))).toBe('written');
  });
});

describe('statements of a transaction that are sent together', () => {
  it('fail for what the first of them has failed for', async () => {
    const outcome = inTransaction(dataSource, async (transaction) => {
      // The first is told of later than the second, since more is done with its answer.
      const first = transaction.query('SELECT 1 / $1::integer', [0]).then(async (rows) => [rows]);
      await Promise.all([
        first.finally(() => undefined).then(async (rows) => rows),
        transaction.query('SELECT 2'),
      ]);
    });
    await expect(outcome).rejects.toMatchObject({ code: '22012' });
  });
});

describe('reads that go together', () => {
  it('each get their own answer, whatever becomes of the others', async () => {
    const reads = new PointReads(dataSource);
    const asked = Array.from({ length: 150 }, (_, at) =>
      at === 70
        ? reads.query('SELECT 1 / $1::integer AS value', [0])
        : reads.query('SELECT $1::integer AS value', [at]),
    );
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes[70]).toMatchObject({ status: 'rejected', reason: { code: '22012' } });
    const others = outcomes.filter((_, at) => at !== 70);
    const values = Array.from({ length: 150 }, (_, at) => at).filter((at) => at !== 70);
    expect(others).toEqual(values.map((value) => ({ status: 'fulfilled', value: [{ value }] })));
  });
});
