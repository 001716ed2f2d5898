import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { GroupCommit } from '../../src/platform/database/batching/group-commit.js';
import { MultiRowStatement } from '../../src/platform/database/batching/multi-row-statement.js';
import { PointReads } from '../../src/platform/database/batching/point-reads.js';
import { poolOf } from '../../src/platform/database/connection.js';
import { pipeline } from '../../src/platform/database/statement-message.js';
import { databaseErrorCode } from '../../src/platform/database/session/database-errors.js';
import { inTransaction, type Write } from '../../src/platform/database/transaction.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Divides by zero where the id is taken. */
const INSERT = new MultiRowStatement(
  '(?, ?)',
  (rows) =>
    `INSERT INTO notes (id, text) VALUES ${rows}
     ON CONFLICT (id) DO UPDATE SET text = excluded.text WHERE 1 / (notes.id <> excluded.id)::integer = 1`,
);

const CONNECTIONS = 4;

interface Note {
  id: number;
  text: string | null;
}

let database: TestDatabase;
let dataSource: DataSource;
let other: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = {
    DATABASE_URL: database.url,
    DATABASE_TLS: 'off',
    DATABASE_POOL_SIZE: CONNECTIONS,
  } as const;
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

function notes(
  size: number,
  after: (items: readonly Note[]) => Write<'taken'>[] = () => [],
): { commits: GroupCommit<Note, 'taken'>; groups: number[] } {
  const groups: number[] = [];
  const commits = new GroupCommit<Note, 'taken'>(dataSource, size, async (items) => {
    groups.push(items.length);
    const inserts = INSERT.of(items.map(({ id, text }) => [id, text]));
    return [...inserts.map((insert) => ({ ...insert, refusal: 'taken' as const })), ...after(items)];
  });
  return { commits, groups };
}

const note = (id: number): Note => ({ id, text: `note ${id}` });
const many = (count: number) => Array.from({ length: count }, (_, at) => note(at + 1));

/** Enough of them at the same time for all connections. */
function everywhere<Result>(run: (at: number) => Result): Result[] {
  return Array.from({ length: 2 * CONNECTIONS }, (_, at) => run(at));
}

/** A value that the driver can't make bytes of. */
const UNSENDABLE = {
  reason: 'no value',
  toPostgres: (): never => {
    throw new Error(UNSENDABLE.reason);
  },
};

function divideAndName(divisor: number): Promise<unknown[]> {
  return inTransaction(dataSource, (transaction) =>
    Promise.all([
      transaction.query('SELECT 4 / $1::integer AS quotient', [divisor]),
      transaction.query('SELECT $1::text AS name', ['never parsed before']),
    ]),
  );
}

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
    // The one that comes first can't be written in the end, so it has not taken the place. A third, since rows of one
    // statement don't take each other's places.
    const { commits } = notes(10, (items) =>
      items.some(({ text }) => text === 'lost') ? [{ text: 'SELECT 1 / 0', values: [] }] : [],
    );
    const [lost, ...others] = await Promise.allSettled(
      [{ id: 1, text: 'lost' }, note(2), note(1)].map((item) => commits.add(item)),
    );
    const written = { status: 'fulfilled', value: 'written' };
    expect(others).toEqual([written, written]);
    // It fails for its own reason, or is told that it is taken, whichever of the two of this place is tried first.
    const verdict = lost?.status === 'rejected' ? databaseErrorCode(lost.reason) : lost?.value;
    expect(['22012', 'taken']).toContain(verdict);
    expect(await stored()).toMatchObject({ ids: [1, 2] });
    const { rows } = await other.query('SELECT text FROM notes WHERE id = 1');
    expect(rows).toEqual([{ text: 'note 1' }]);
  });

  it('is found in few steps among many', async () => {
    await other.query(`INSERT INTO notes VALUES (23, 'earlier')`);
    const { commits, groups } = notes(64);
    const verdicts = await Promise.all(many(64).map((item) => commits.add(item)));
    expect(verdicts.filter((verdict) => verdict === 'taken')).toHaveLength(1);
    expect(verdicts[22]).toBe('taken');
    // 64, and the two halves of each group that it is in.
    expect(groups.toSorted((left, right) => right - left)).toEqual([
      64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1,
    ]);
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
    const ending = 'SELECT pg_terminate_backend(pg_backend_pid())';
    const { commits: lost } = notes(10, () => [{ text: ending, values: [] }]);
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

  it('can be sent again after those before them have failed', async () => {
    // On all connections, on each of which the second text was sent, and not parsed.
    await Promise.allSettled(everywhere(() => divideAndName(0)));
    const results = await Promise.all(everywhere(() => divideAndName(2)));
    expect(results).toEqual(everywhere(() => [[{ quotient: 2 }], [{ name: 'never parsed before' }]]));
  });

  it('are none of them done when one can not be sent, nor is what was to come after', async () => {
    const { commits } = notes(1, ([item]) =>
      item && item.id >= 100
        ? [
            { text: 'SELECT $1::text', values: [UNSENDABLE] },
            { text: 'INSERT INTO notes VALUES ($1, $2)', values: [12, 'after it'] },
          ]
        : [],
    );
    await Promise.all(
      everywhere((id) => expect(commits.add(note(100 + id))).rejects.toThrow(UNSENDABLE.reason)),
    );
    const inParts = inTransaction(dataSource, async (transaction) => {
      await transaction.query('INSERT INTO notes VALUES (13, $1)', ['before it']);
      await transaction.query('SELECT $1::text', [UNSENDABLE]);
    });
    await expect(inParts).rejects.toThrow(UNSENDABLE.reason);
    expect((await stored()).ids).toEqual([]);
    // The same text, with a value that can be sent, on connections on which it could not.
    const sent = await Promise.all(
      everywhere(() =>
        inTransaction(dataSource, (transaction) => transaction.query('SELECT $1::text', ['a value'])),
      ),
    );
    expect(sent).toEqual(everywhere(() => [{ text: 'a value' }]));
  });

  it('are not done when their transaction could not begin', async () => {
    // As if BEGIN had failed: without the single Sync, what comes after it would be committed on its own.
    const client = await poolOf(dataSource)?.connect();
    if (!client) throw new Error('there is no connection');
    const statements = ['SELECT 1 / 0', 'INSERT INTO notes VALUES (1, $1)', 'COMMIT'];
    const sent = pipeline(
      client,
      statements.map((text) => ({ text, values: text.includes('$1') ? ['alone'] : [] })),
    );
    const outcomes = await Promise.allSettled(sent);
    client.release();
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await stored()).ids).toEqual([]);
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
