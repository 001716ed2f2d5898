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

/** Divides by zero when the id is taken. */
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
  // A new table per test, so that an interrupted test does not affect the next.
  await other.query('CREATE TABLE notes (id integer PRIMARY KEY, text text NOT NULL)');
});

beforeEach(() => other.query('TRUNCATE notes'));

afterEach(() => {
  const pool = poolOf(dataSource);
  // Every connection must be back in the pool.
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

/** Runs enough concurrent calls to use every connection of the pool. */
function everywhere<Result>(run: (at: number) => Result): Result[] {
  return Array.from({ length: 2 * CONNECTIONS }, (_, at) => run(at));
}

/** A value that the driver can't serialize. */
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

/** The stored ids, and the number of transactions that wrote them. */
async function stored(): Promise<{ ids: number[]; transactions: number }> {
  const { rows } = await other.query<{ id: number; xmin: string }>(
    'SELECT id, xmin::text FROM notes ORDER BY id',
  );
  return { ids: rows.map(({ id }) => id), transactions: new Set(rows.map(({ xmin }) => xmin)).size };
}

describe('group commit', () => {
  it.each([1, 2, 3, 7, 64, 100])('writes %d concurrent items in one transaction', async (count) => {
    const { commits } = notes(200);
    const verdicts = await Promise.all(many(count).map((item) => commits.add(item)));
    expect(new Set(verdicts)).toEqual(new Set(['written']));
    expect(await stored()).toEqual({ ids: many(count).map(({ id }) => id), transactions: 1 });
  });

  it('limits the group size, and writes each item alone with a size of 1', async () => {
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

  it('returns after the commit', async () => {
    const { commits } = notes(10);
    await Promise.all(
      many(3).map(async (item) => {
        await commits.add(item);
        expect((await stored()).ids).toContain(item.id);
      }),
    );
  });
});

describe('group commit with an item that can not be written', () => {
  it('returns "taken" for a duplicate, and writes the others', async () => {
    await other.query(`INSERT INTO notes VALUES (3, 'earlier')`);
    const { commits } = notes(10);
    const verdicts = await Promise.all(many(5).map((item) => commits.add(item)));
    expect(verdicts).toEqual(['written', 'written', 'taken', 'written', 'written']);
    expect((await stored()).ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('returns "taken" for a duplicate within the group only after the other one is committed', async () => {
    // The first of the three items can't be written, so the duplicate must be. An item lies between them, because rows
    // of one statement do not conflict with each other.
    const { commits } = notes(10, (items) =>
      items.some(({ text }) => text === 'lost') ? [{ text: 'SELECT 1 / 0', values: [] }] : [],
    );
    const [lost, ...others] = await Promise.allSettled(
      [{ id: 1, text: 'lost' }, note(2), note(1)].map((item) => commits.add(item)),
    );
    const written = { status: 'fulfilled', value: 'written' };
    expect(others).toEqual([written, written]);
    // It fails with its own error or as "taken", depending on which of the two is tried first.
    const verdict = lost?.status === 'rejected' ? databaseErrorCode(lost.reason) : lost?.value;
    expect(['22012', 'taken']).toContain(verdict);
    expect(await stored()).toMatchObject({ ids: [1, 2] });
    const { rows } = await other.query('SELECT text FROM notes WHERE id = 1');
    expect(rows).toEqual([{ text: 'note 1' }]);
  });

  it('finds a duplicate among many items in few steps', async () => {
    await other.query(`INSERT INTO notes VALUES (23, 'earlier')`);
    const { commits, groups } = notes(64);
    const verdicts = await Promise.all(many(64).map((item) => commits.add(item)));
    expect(verdicts.filter((verdict) => verdict === 'taken')).toHaveLength(1);
    expect(verdicts[22]).toBe('taken');
    // 64, and the two halves of each group that contains it.
    expect(groups.toSorted((left, right) => right - left)).toEqual([
      64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1,
    ]);
  });

  it('fails for an item that violates a constraint, and writes the others', async () => {
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

  it('waits for a lock only with the locked item, and writes the others', async () => {
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

describe('group commit on a lost connection', () => {
  it('fails for every item, and writes none', async () => {
    const ending = 'SELECT pg_terminate_backend(pg_backend_pid())';
    const { commits: lost } = notes(10, () => [{ text: ending, values: [] }]);
    const outcomes = await Promise.allSettled(many(3).map((item) => lost.add(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await stored()).ids).toEqual([]);
    const { commits } = notes(10);
    expect(await commits.add(note(1))).toBe('written');
  });
});

describe('pipelined statements of a transaction', () => {
  it('fail with the error of the first that failed', async () => {
    const outcome = inTransaction(dataSource, async (transaction) => {
      // The result of the first arrives later than that of the second, because more is done with it.
      const first = transaction.query('SELECT 1 / $1::integer', [0]).then(async (rows) => [rows]);
      await Promise.all([
        first.finally(() => undefined).then(async (rows) => rows),
        transaction.query('SELECT 2'),
      ]);
    });
    await expect(outcome).rejects.toMatchObject({ code: '22012' });
  });

  it('can be sent again after earlier ones in the pipeline have failed', async () => {
    // On all connections; on each of them the second statement was sent but never parsed.
    await Promise.allSettled(everywhere(() => divideAndName(0)));
    const results = await Promise.all(everywhere(() => divideAndName(2)));
    expect(results).toEqual(everywhere(() => [[{ quotient: 2 }], [{ name: 'never parsed before' }]]));
  });

  it('have no effect when one of them can not be sent, nor have later ones', async () => {
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
    // The same statement with a valid value, on the connections on which it could not be sent.
    const sent = await Promise.all(
      everywhere(() =>
        inTransaction(dataSource, (transaction) => transaction.query('SELECT $1::text', ['a value'])),
      ),
    );
    expect(sent).toEqual(everywhere(() => [{ text: 'a value' }]));
  });

  it('have no effect when BEGIN fails', async () => {
    // As if BEGIN had failed: without a single Sync at the end, the next statement would be committed on its own.
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

describe('pipelined reads', () => {
  it('each get their own result, also when another one fails', async () => {
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
