import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { withClient } from '../support/database.ts';
import { NUMBERS_OF_ORDER, rowsOf, TABLES } from './order-rows.ts';

/** Orders were placed this far apart: a million a day. */
const APART_MS = 86.4;

/** Keys are kept for a day; this much of them are there, so that none is deleted while it is measured. */
const KEPT_MS = 12 * 3_600_000;

/** The newest order is this old when all is loaded, so that what is placed then is newer. */
const SINCE_NEWEST_MS = 60_000;

/** Share of a shop's orders that were placed recently. */
const SHARE_CONFIRMED = 0.03;

const ORDERS_OF_A_CUSTOMER = 10;

/** Orders a file: while the server reads one, the next is written. */
const BATCH = 50_000;

/** Loading a large table and sorting it takes longer than a service's statement may. */
const NO_TIMEOUT = 'SET statement_timeout = 0';

/** References are right by construction; checking them row by row takes longer than loading them. */
const NO_CHECKS = `SET session_replication_role = 'replica'`;

export interface LoadOptions {
  count: number;
  /** Number of the newest orders that are still confirmed, for works that change them. All others are read only. */
  confirmed?: number;
  /** Number of the newest orders whose notifications still wait. Those of all others are sent. */
  waiting?: number;
  /** Called after every batch. */
  progress?: (loaded: number) => void;
}

/** Orders that are in a database without having been placed there, each with all that placing it would have stored. */
export class LoadedOrders {
  readonly count: number;
  readonly confirmed: number;
  readonly waiting: number;
  private readonly firstAt: number;

  private constructor({ count, waiting = 0, confirmed = count * SHARE_CONFIRMED }: LoadOptions) {
    this.count = count;
    this.confirmed = Math.floor(confirmed);
    this.waiting = waiting;
    this.firstAt = Date.now() - SINCE_NEWEST_MS - count * APART_MS;
  }

  /** For a database that nothing is read from. */
  static none(): LoadedOrders {
    return new LoadedOrders({ count: 0 });
  }

  /**
   * Loads them by COPY, with the indexes built at the end, as a restored dump would be.
   *
   * @param databaseUrl has the tables of the service, without orders, on a server that reads files of this machine
   * @param folder for files, readable by the server
   */
  static async load(databaseUrl: string, folder: string, options: LoadOptions): Promise<LoadedOrders> {
    const orders = new LoadedOrders(options);
    await withClient(databaseUrl, async (client) => {
      await client.query(NO_TIMEOUT);
      await client.query(NO_CHECKS);
      const indexes = await dropIndexes(client);
      await orders.copyAll(client, folder, options.progress);
      const lastNo = orders.count * NUMBERS_OF_ORDER;
      await client.query('UPDATE event_feed SET last_no = $1', [lastNo]);
      await client.query('UPDATE order_search_state SET feed_no = $1', [lastNo]);
      for (const index of indexes) await client.query(index);
      await client.query('VACUUM (FREEZE, ANALYZE)');
      await client.query('CHECKPOINT');
    });
    return orders;
  }

  /** When the n-th order was placed; 0 is the oldest. */
  placedAt(n: number): number {
    return Math.floor(this.firstAt + n * APART_MS);
  }

  /** A UUIDv7, random enough, and the same for the same n. */
  id(n: number): string {
    const time = this.placedAt(n).toString(16).padStart(12, '0');
    const [first, second, third] = [mix(n, 1), mix(n, 2), mix(n, 3)];
    const tail = second.slice(0, 4) + third;
    return `${time.slice(0, 8)}-${time.slice(8)}-7${first.slice(0, 3)}-8${first.slice(3, 6)}-${tail}`;
  }

  /** Ten orders each, of all ages. */
  customer(n: number): string {
    return `C${n % Math.max(1, Math.floor(this.count / ORDERS_OF_A_CUSTOMER))}`;
  }

  /** Whether the order's key is still kept. */
  isRecent(n: number): boolean {
    return (this.count - n) * APART_MS < KEPT_MS;
  }

  private async copyAll(client: Client, folder: string, progress?: (loaded: number) => void): Promise<void> {
    let files = await this.writeFiles(folder, 0);
    for (let first = 0; first < this.count; first += BATCH) {
      const next = first + BATCH < this.count ? this.writeFiles(folder, first + BATCH) : undefined;
      for (const [at, { name, columns }] of TABLES.entries()) {
        await client.query(`COPY ${name} (${columns.join(', ')}) FROM '${files[at] ?? ''}'`);
      }
      for (const file of files) await rm(file);
      progress?.(Math.min(this.count, first + BATCH));
      files = (await next) ?? [];
    }
  }

  /** @returns a file a table, with the rows of one batch */
  private async writeFiles(folder: string, first: number): Promise<string[]> {
    const paths = TABLES.map(({ name }) => join(folder, `${name}-${first}.copy`));
    const files = paths.map((path) => createWriteStream(path, { mode: 0o644 }));
    for (let n = first; n < Math.min(this.count, first + BATCH); n += 1) {
      const rows = rowsOf(this, n);
      for (const [at, lines] of rows.entries()) {
        const file = files[at];
        // Waiting for the file also lets the event loop serve the connection to the server.
        if (file && lines !== '' && !file.write(lines)) await once(file, 'drain');
      }
    }
    await Promise.all(files.map((file) => once(file.end(), 'finish')));
    return paths;
  }
}

/** Eight hexadecimal digits that look like chance (the finaliser of MurmurHash3). */
function mix(n: number, seed: number): string {
  let hash = Math.imul(n ^ (seed * 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, '0');
}

/** Drops what slows loading down and is no constraint. @returns the statements that create it again */
async function dropIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
     FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
     WHERE relnamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)`,
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}
