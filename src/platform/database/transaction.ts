import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient, QueryResult } from 'pg';
import type { DataSource } from 'typeorm';
import { traced } from '../telemetry/tracer.js';
import { connect, resultOf, type Sql } from './connection.js';
import { databaseErrorCode } from './session/database-errors.js';
import { pipeline, type Statement } from './statement-message.js';

/** `40001`: serialization failure; `40P01`: deadlock. PostgreSQL has rolled back, so all may be run again. */
const RETRYABLE_SQLSTATES = new Set(['40001', '40P01']);

/** Begins a transaction with default options. */
export const BEGIN: readonly Statement[] = [{ text: 'BEGIN', values: [] }];

/** The statements of the transaction use indexes, independent of the size that the planner assumes for a table. */
const ONLY_INDEXES: Statement = { text: 'SET LOCAL enable_seqscan = off', values: [] };

export const BEGIN_BY_INDEX: readonly Statement[] = [...BEGIN, ONLY_INDEXES];
const COMMIT: Statement = { text: 'COMMIT', values: [] };

/** Three attempts: a deadlock that repeats is a bug to be found, not hidden. */
const ATTEMPTS = 3;

/** Upper bound of the random wait before the next try, so that the same two don't meet again. */
const RETRY_WAIT_MS = 25;

/** The span of a transaction, its wait for a connection and for others included. */
export const TRANSACTION_SPAN = {
  name: 'transaction',
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql' },
} as const;

/** Whether the rollback was caused by concurrency. */
function isRetryable(error: unknown): boolean {
  return RETRYABLE_SQLSTATES.has(databaseErrorCode(error) ?? '');
}

/**
 * Runs `work` in a transaction, with a retry after a deadlock or serialization failure. `work` may only run
 * statements on its argument: no remote call is made while a transaction is open.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (transaction: Sql) => Promise<T>,
): Promise<T> {
  return withTransactionRetry(async () => traced(TRANSACTION_SPAN, () => transact(dataSource, work)));
}

/** As `inTransaction`, for loops in the background: their spans would fill the traces. */
export async function inUntracedTransaction<T>(
  dataSource: DataSource,
  work: (transaction: Sql) => Promise<T>,
): Promise<T> {
  return withTransactionRetry(() => transact(dataSource, work));
}

/** Does something again after a deadlock or serialization failure. */
export async function withTransactionRetry<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
      await sleep(Math.random() * RETRY_WAIT_MS);
    }
  }
}

/**
 * Error of statements that divide by zero in order to refuse. PostgreSQL logs no values with it, while a violated
 * constraint logs the key, or the whole row, with personal data.
 */
const DIVISION_BY_ZERO = '22012';

/** A statement of a transaction that is written at once. */
export interface Write<Refusal extends string> extends Statement {
  /** The refusal to report when the statement divides by zero, which it does when a concurrent write was first. */
  refusal?: Refusal;
  /** Gets the rows that the statement returns, once they are committed. */
  receive?: (rows: readonly unknown[]) => void;
}

/**
 * Commits independent statements in one round trip: all of them, or none. No retry, not even after a deadlock.
 *
 * @param begin begins the transaction
 * @returns the refusal of the first failed statement
 * @throws the error of the first failed statement, when it is no refusal
 */
export async function commitAtOnce<Refusal extends string>(
  dataSource: DataSource,
  begin: readonly Statement[],
  writes: readonly Write<Refusal>[],
): Promise<'written' | Refusal> {
  const outcomes = await transactAtOnce(dataSource, begin, writes);
  const at = outcomes.findIndex(({ status }) => status === 'rejected');
  const outcome = outcomes[at];
  if (outcome?.status !== 'rejected') {
    for (const [index, { receive }] of writes.entries()) receive?.(rowsOf(outcomes[index + begin.length]));
    return 'written';
  }
  const refusal = writes[at - begin.length]?.refusal;
  if (refusal !== undefined && databaseErrorCode(outcome.reason) === DIVISION_BY_ZERO) return refusal;
  throw outcome.reason;
}

function rowsOf(outcome: PromiseSettledResult<QueryResult> | undefined): readonly unknown[] {
  return outcome?.status === 'fulfilled' ? outcome.value.rows : [];
}

/**
 * Like `commitAtOnce`, with the results of the statements, and with a retry after a deadlock. It has no span of its
 * own: the loops of the background would fill the traces.
 *
 * @returns the result of each statement
 */
export async function queryAtOnce(
  dataSource: DataSource,
  begin: readonly Statement[],
  statements: readonly Statement[],
): Promise<QueryResult[]> {
  return withTransactionRetry(async () => {
    const outcomes = await transactAtOnce(dataSource, begin, statements);
    const results = outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
    return results.slice(begin.length, -1);
  });
}

/** @returns the result of each statement; one failure rolls all of them back */
async function transactAtOnce(
  dataSource: DataSource,
  begin: readonly Statement[],
  statements: readonly Statement[],
): Promise<PromiseSettledResult<QueryResult>[]> {
  const client = await connect(dataSource);
  const outcomes = await Promise.allSettled(pipeline(client, [...begin, ...statements, COMMIT]));
  const hasFailed = outcomes.some(({ status }) => status === 'rejected');
  client.release(hasFailed ? await rollBack(client) : undefined);
  return outcomes;
}

/** Runs `work` in a transaction, once. @param begin begins it */
export async function transact<T>(
  dataSource: DataSource,
  work: (transaction: Sql) => Promise<T>,
  begin: readonly Statement[] = BEGIN,
): Promise<T> {
  const client = await connect(dataSource);
  let lost: Error | undefined;
  try {
    const transaction = new OpenTransaction(client, begin);
    const result = await work(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    lost = await rollBack(client);
    throw error;
  } finally {
    client.release(lost);
  }
}

/** Statements of one tick share a message; the first of them begins the transaction. */
class OpenTransaction implements Sql {
  private asked: {
    statement: Statement;
    resolve: (result: QueryResult) => void;
    reject: (error: unknown) => void;
  }[] = [];

  constructor(
    private readonly client: PoolClient,
    private begin: readonly Statement[],
  ) {}

  async query<Result>(text: string, values: unknown[] = []): Promise<Result> {
    return resultOf(await this.ask({ text, values })) as Result;
  }

  async commit(): Promise<void> {
    const { command } = await this.ask(COMMIT);
    // The answer to a COMMIT after a failed statement.
    if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
  }

  private ask(statement: Statement): Promise<QueryResult> {
    return new Promise((resolve, reject) => {
      this.asked.push({ statement, resolve, reject });
      if (this.asked.length === 1) process.nextTick(() => this.send());
    });
  }

  private send(): void {
    const { begin } = this;
    this.begin = [];
    const asked = this.asked.splice(0);
    const results = pipeline(this.client, [...begin, ...asked.map(({ statement }) => statement)]);
    // When BEGIN fails, the caller gets its error from the other statements.
    for (const result of results.splice(0, begin.length)) result.catch(() => undefined);
    for (const [at, { resolve, reject }] of asked.entries()) results[at]?.then(resolve, reject);
  }
}

/** @returns why the connection is not to be used again, if so */
async function rollBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
