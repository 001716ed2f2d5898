import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Threads of pgbench itself: as many as the processors that this is measured on. */
const THREADS = 2;

/**
 * What PostgreSQL has to do for one order of two lines with a key, one order at a time: the same rows in the same
 * tables as the service writes, in the same two transactions. The job is inserted in plain SQL, without what the queue
 * adds to it. Ids rise with time as those of the service do; `run` keeps those of different rounds apart.
 */
const SCRIPT = `\\set n :n + 1
BEGIN;
INSERT INTO idempotency_keys (scope, key, request_hash, order_id, created_at, expires_at)
  VALUES ('pgbench', ${id()}, repeat('a', 64), ${id()}::uuid, now(), now() + interval '1 day')
  ON CONFLICT (scope, key) DO NOTHING RETURNING 1;
INSERT INTO orders (id, customer_name, customer_email, status, currency, total_amount, version, placed_at, updated_at,
  attempt, lease_until) VALUES (${id()}::uuid, 'Load', 'load@example.com', 'pending', 'USD', 30, 1, now(), now(), 1,
  now() + interval '11 seconds');
INSERT INTO order_items (order_id, id, product_id, product_name, quantity, price, reservation) VALUES
  (${id()}::uuid, 1, '1', 'Product 1', 1, 10, 'held'), (${id()}::uuid, 2, '2', 'Product 2', 2, 10, 'held');
INSERT INTO order_events (order_id, seq, type, to_status, actor, occurred_at)
  VALUES (${id()}::uuid, 1, 'placed', 'pending', 'anonymous', now());
COMMIT;
BEGIN;
UPDATE orders SET status = 'confirmed', failure = NULL, version = version + 1, updated_at = now(), lease_until = NULL
  WHERE id = ${id()}::uuid AND version = 1 AND attempt = 1;
INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at)
  VALUES (${id()}::uuid, 2, 'status_changed', 'pending', 'confirmed', 'placement', now());
INSERT INTO pgboss.job (name, data, singleton_key, policy, expire_seconds, retry_limit)
  VALUES ('order-notifications', jsonb_build_object('orderId', ${id()}, 'seq', 2), ${id()}, 'key_strict_fifo', 15, 9000);
COMMIT;
`;

function id(): string {
  const [round, order] = [`to_hex(:run::bigint)`, `to_hex(:n::bigint)`];
  const client = `to_hex(:client_id::bigint)`;
  return `('0' || lpad(${round}, 7, '0') || '-0000-7000-8000-' || lpad(${order}, 8, '0') || lpad(${client}, 4, '0'))`;
}

/** pgbench is not there; it comes with PostgreSQL's client programs or its contrib package. */
export class PgbenchMissing extends Error {}

export class Pgbench {
  private run = Math.floor(Date.now() / 1_000) % 0x0fff_ffff;
  private readonly databaseUrl: string;
  private readonly script: string;

  private constructor(databaseUrl: string, script: string) {
    this.databaseUrl = databaseUrl;
    this.script = script;
  }

  static async prepare(databaseUrl: string, folder: string): Promise<Pgbench> {
    const script = join(folder, 'order.sql');
    await writeFile(script, SCRIPT);
    return new Pgbench(databaseUrl, script);
  }

  /** @returns orders per second @throws {PgbenchMissing} */
  async measure(clients: number, seconds: number): Promise<number> {
    this.run += 1;
    const options = {
      '--protocol': 'prepared',
      '--file': this.script,
      '--client': String(clients),
      '--jobs': String(Math.min(THREADS, clients)),
      '--time': String(seconds),
    };
    const variables = ['--define', `run=${this.run}`, '--define', 'n=0'];
    const args = ['--no-vacuum', ...Object.entries(options).flat(), ...variables, this.databaseUrl];
    const child = spawn('pgbench', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close').catch(() => {
      throw new PgbenchMissing('pgbench could not be started: it comes with the programs of PostgreSQL');
    });
    const perSecond = /^tps = ([\d.]+)/m.exec(output)?.[1];
    const failed = /number of failed transactions: ([1-9]\d*)/.exec(output);
    if (perSecond === undefined || failed) throw new Error(`pgbench failed:\n${output}`);
    return Number(perSecond);
  }
}
