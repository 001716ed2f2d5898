import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from '../load/clients.ts';
import { killWithUs } from '../support/processes.ts';

/** Threads of pgbench itself: as many as the processors that this is measured on. */
const THREADS = 2;

/**
 * A PostgreSQL session loads the catalog and plans its statements on first use, which takes 256 sessions on two
 * processors seconds. The service keeps its sessions, so pgbench may warm up its own: one second for this many.
 */
const CLIENTS_WARM_A_SECOND = 32;
const LEAST_WARM_UP_SECONDS = 2;

/**
 * What PostgreSQL has to do for one order of two lines with a key, one order at a time: the same rows in the same
 * columns of the same tables as the service writes, in the same two transactions, each statement prepared once. Ids are
 * UUIDv7 as those of the service are, and keys are random as those of clients are. The task
 * of the notification is inserted and not run.
 */
const SCRIPT = `\\set customer random(1, 10000)
\\set product random(1, 1000)
\\set other random(1, 1000)
BEGIN;
INSERT INTO idempotency_keys (scope, key, request_hash, order_id, created_at, expires_at)
  VALUES ('anonymous', gen_random_uuid()::text, repeat('a', 64), uuidv7(), now(), now() + 24 * interval '1 hour')
  ON CONFLICT (scope, key) DO NOTHING RETURNING order_id AS id \\gset
INSERT INTO orders (id, customer_id, customer_name, customer_email, status, currency, total_amount, version, cart_id,
    placed_at, updated_at, to_price)
  VALUES (:id, 'C' || :customer::text, 'Load', 'c' || :customer::text || '@example.com', 'pending', 'USD', 30, 1, NULL,
    now(), now(), NULL);
INSERT INTO tasks (order_id, lane, seq, id, kind, payload, context, run_at, created_at, lease_version, attempts,
    max_attempts, state, lease_until)
  VALUES (:id, 'placement', 1, gen_random_uuid(), 'place-order', '{}', json_build_object('x-request-id', gen_random_uuid()),
    now() + 11000 * interval '1 millisecond', now(), 1, 1, 2147483647, 'ready', now() + 11000 * interval '1 millisecond');
INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation)
  VALUES (:id, 1, 'P' || :product::text, 'Product P' || :product::text, 1, 10, 'held'),
    (:id, 2, 'P' || :other::text, 'Product P' || :other::text, 2, 10, 'held');
INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, reason, data, occurred_at)
  VALUES (:id, 1, 'placed', NULL, 'pending', 'anonymous', NULL, NULL, now());
COMMIT;
BEGIN;
DELETE FROM tasks WHERE order_id = :id AND lane = 'placement' AND seq = 1;
UPDATE orders SET status = 'confirmed', failure = NULL, version = version + 1, updated_at = now()
  WHERE id = :id AND version = 1 AND status = 'pending';
INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, reason, data, occurred_at)
  VALUES (:id, 2, 'status_changed', 'pending', 'confirmed', 'placement', NULL, NULL, now());
INSERT INTO tasks (order_id, lane, seq, id, kind, payload, context, run_at, created_at, lease_version, attempts,
    max_attempts, state)
  VALUES (:id, 'notification', 2, gen_random_uuid(), 'notify', '{}', json_build_object('x-request-id', gen_random_uuid()),
    now(), now(), 0, 0, 9001, 'ready');
COMMIT;
`;

const FILE = 'order.sql';

/** pgbench is not there; it comes with PostgreSQL's client programs or its contrib package. */
export class PgbenchMissing extends Error {}

export class Pgbench {
  private readonly databaseUrl: string;
  private readonly folder: string;

  private constructor(databaseUrl: string, folder: string) {
    this.databaseUrl = databaseUrl;
    this.folder = folder;
  }

  /** @param databaseUrl has the tables of the service @param folder for its script */
  static async prepare(databaseUrl: string, folder: string): Promise<Pgbench> {
    await writeFile(join(folder, FILE), SCRIPT);
    return new Pgbench(databaseUrl, folder);
  }

  /**
   * @returns orders per second, the median of those of the single seconds after the warm-up
   * @throws {PgbenchMissing}
   */
  async measure(clients: number, seconds: number): Promise<number> {
    const warmUp = LEAST_WARM_UP_SECONDS + Math.floor(clients / CLIENTS_WARM_A_SECOND);
    const options = {
      '--protocol': 'prepared',
      '--file': join(this.folder, FILE),
      '--client': String(clients),
      '--jobs': String(Math.min(THREADS, clients)),
      '--time': String(warmUp + seconds),
      '--progress': '1',
    };
    const child = spawn('pgbench', ['--no-vacuum', ...Object.entries(options).flat(), this.databaseUrl], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    killWithUs(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close').catch(() => {
      throw new PgbenchMissing('pgbench could not be started: it comes with the programs of PostgreSQL');
    });
    const everySecond = [...output.matchAll(/^progress: ([\d.]+) s, ([\d.]+) tps/gm)]
      .filter(([, at]) => Math.round(Number(at)) > warmUp)
      .map(([, , perSecond]) => Number(perSecond));
    const failed = /number of failed transactions: ([1-9]\d*)|ERROR|FATAL/.exec(output);
    if (everySecond.length === 0 || failed) throw new Error(`pgbench failed:\n${output}`);
    return median(everySecond);
  }
}
