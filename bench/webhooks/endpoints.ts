import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../src/config/settings.js';
import { freePort } from '../../test/support/free-port.ts';
import { withClient } from '../support/database.ts';
import { end, startNode, untilAnswers } from '../support/processes.ts';
import { loadBuilt, type Scene } from '../support/scene.ts';

const STAND_INS = fileURLToPath(new URL('../support/stand-ins.ts', import.meta.url));

/** As long as a body with an order of two lines. */
const BODY_BYTES = 1_800;

/** An attempt of the yardstick ends well before. */
const DEADLINE_MS = 15_000;

/** A receiver of webhooks that accepts everything and does nothing: a process of its own. */
export class Receiver {
  readonly url: URL;
  private readonly scene: Scene;

  private constructor(scene: Scene, port: number) {
    this.scene = scene;
    this.url = new URL(`http://127.0.0.1:${port}/hooks`);
  }

  /** One that is down: it refuses connections until it is started. */
  static async down(scene: Scene): Promise<Receiver> {
    return new Receiver(scene, await freePort());
  }

  async start(): Promise<void> {
    const child = startNode([STAND_INS, this.url.port], {});
    this.scene.onClose(() => end(child));
    await untilAnswers(`${this.url.origin}/told`, child);
  }

  /** How many deliveries have arrived; 0 while it is down. */
  async count(): Promise<number> {
    const response = await fetch(`${this.url.origin}/told`);
    return ((await response.json()) as { told: number }).told;
  }
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** Inserts endpoints for all types of events. @param readUntil number of the feed after which their events begin */
export async function insertEndpoints(
  databaseUrl: string,
  url: URL,
  count: number,
  readUntil?: number,
): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    for (let n = 0; n < count; n += 1) {
      const secrets = [{ secret: newSecret(), created_at: new Date().toISOString(), valid_until: null }];
      await client.query(
        `INSERT INTO webhook_endpoints (id, url, state, secrets, read_until, created_at, updated_at)
         SELECT $1, $2, 'enabled', $3, coalesce($4::bigint, last_no), now(), now() FROM event_feed`,
        [randomUUID(), url.href, JSON.stringify(secrets), readUntil],
      );
    }
  });
}

/** Deliveries that wait: those that are queued, and events of the feed that an endpoint has not read. */
export async function countUndelivered(databaseUrl: string): Promise<{ queued: number; unread: number }> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ queued: number; unread: number }>(
      `SELECT (SELECT count(*)::int FROM tasks WHERE kind LIKE 'webhook:%') AS queued,
         (SELECT count(*)::int FROM webhook_endpoints w JOIN order_events e ON e.feed_no > w.read_until) AS unread`,
    );
    return rows[0] ?? { queued: 0, unread: 0 };
  });
}

/**
 * The client of the service without the service: signed calls to a receiver, as many at a time as it gets from one instance.
 *
 * @returns calls a second
 */
export async function measureBareCalls({ url }: Receiver, atATime: number, seconds: number): Promise<number> {
  const { WebhookClient } = await loadBuilt<typeof import('../../src/webhooks/delivery/webhook-client.js')>(
    'webhooks/delivery/webhook-client.js',
  );
  const { AddressGuard } = await loadBuilt<typeof import('../../src/webhooks/delivery/address-guard.js')>(
    'webhooks/delivery/address-guard.js',
  );
  const { Deadline } =
    await loadBuilt<typeof import('../../src/platform/deadline.js')>('platform/deadline.js');
  const settings = { WEBHOOKS_ALLOW_HTTP: true, WEBHOOKS_ALLOWED_NETWORKS: ['127.0.0.0/8'] } as Settings;
  const client = new WebhookClient(new AddressGuard(settings), settings);
  const call = { url: url.href, body: JSON.stringify('x'.repeat(BODY_BYTES)), secrets: [newSecret()] };
  let calls = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (performance.now() - startedAt < seconds * 1_000) {
        const { error } = await client.send({ ...call, id: randomUUID() }, Deadline.in(DEADLINE_MS));
        if (error !== null) throw new Error(`a bare call failed: ${error}`);
        calls += 1;
      }
    }),
  );
  const took = (performance.now() - startedAt) / 1_000;
  await client.onApplicationShutdown();
  return calls / took;
}
