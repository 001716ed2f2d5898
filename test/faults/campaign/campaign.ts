import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { closeConnections } from '../clients/client.ts';
import { Crowd } from '../clients/crowd.ts';
import { openingStock } from '../clients/wishes.ts';
import { Receivers } from '../receivers/receivers.ts';
import {
  countOpenWork,
  type Evidence,
  expireKeys,
  gatherEvidence,
  repeatDeliveries,
} from '../verdict/evidence.ts';
import { judge } from '../verdict/judge.ts';
import type { Verdict } from '../verdict/violation.ts';
import { CampaignDatabase } from '../world/database.ts';
import { clearSqlFaults, prepareSqlFaults } from '../world/database-faults.ts';
import { Instance } from '../world/instance.ts';
import { PauseServer } from '../world/pause-server.ts';
import { eventually, startProcess } from '../world/processes.ts';
import { Upstreams } from '../world/upstreams.ts';
import { Attack, pointsAhead, type World } from './attack.ts';
import type { CampaignOptions } from './options.ts';
import { plan, type Schedule } from './schedule.ts';
import { Tally } from './tally.ts';

/**
 * Shorter than in production, so that leases, windows and retries expire within a campaign. The lease of a placement is
 * a second longer than its deadline, and freezes last longer than the lease.
 */
const SETTINGS = {
  NODE_ENV: 'test',
  HOST: '127.0.0.1',
  LOG_LEVEL: 'warn',
  MIGRATE_ON_START: 'false',
  UPSTREAM_TIMEOUT_MS: '500',
  REQUEST_DEADLINE_MS: '2000',
  RECOVERY_WINDOW_MS: '10000',
  RECOVERY_INTERVAL_MS: '200',
  // Off by default and on here: a cache must not break a promise.
  PRODUCT_MEMORY_MS: '1000',
};

const PROGRESS_EVERY_MS = 5_000;

/** Deliveries that failed are repeated so often at the end, instead of after pauses of up to an hour. */
const REPEAT_EVERY_MS = 1_000;

export interface CampaignResult {
  options: CampaignOptions;
  evidence: Evidence;
  verdict: Verdict;
  injected: Tally;
  /** Pause points that the service reached, with the number of times. */
  reached: ReadonlyMap<string, number>;
  attackSeconds: number;
  drainSeconds: number;
  /** The folder of the process logs; kept only when a promise was broken. */
  folder: string;
}

/** Injects faults into the service, waits until it has no open work, and returns the verdict. */
export async function runCampaign(
  options: CampaignOptions,
  say: (line: string) => void,
): Promise<CampaignResult> {
  const folder = await mkdtemp(join(tmpdir(), 'order-faults-'));
  const schedule = plan(options);
  const world = await prepareWorld({ ...options, dist: resolve(options.dist) }, schedule, folder);
  try {
    const result = await fight(options, world, schedule, say);
    if (result.verdict.violations.length === 0) await rm(folder, { recursive: true, force: true });
    return { ...result, folder };
  } finally {
    for (const instance of world.instances) await instance.kill();
    await world.upstreams.close();
    await world.receivers.close();
    await world.pauses.close();
    await world.database.close();
    await closeConnections();
  }
}

async function prepareWorld(options: CampaignOptions, schedule: Schedule, folder: string): Promise<World> {
  const [database, upstreams, receivers, pauses] = await Promise.all([
    CampaignDatabase.start(options),
    Upstreams.start(options, folder),
    Receivers.start(folder, options.faults.has('receivers')),
    PauseServer.start(),
  ]);
  await upstreams.setStock(openingStock(options.orders));
  const migrate = join(options.dist, 'platform', 'database', 'migrate.js');
  const settings = { ...SETTINGS, DATABASE_URL: database.url, ...settingsOf(options, upstreams) };
  await startProcess([migrate], settings, join(folder, 'migrate.log')).ended;
  await prepareSqlFaults(database);
  await receivers.register(database);
  const instances = await Promise.all(
    schedule.instances.map((_, index) => Instance.create(index + 1, options.dist, settings, folder, pauses)),
  );
  await Promise.all(
    instances.map((instance, index) => instance.start(pointsAhead(schedule.instances[index] ?? []), false)),
  );
  return { database, upstreams, receivers, pauses, instances };
}

function settingsOf({ inventory }: CampaignOptions, { urls }: Upstreams): Record<string, string> {
  return {
    INVENTORY_SERVICE_URL: urls.inventory,
    NOTIFICATION_SERVICE_URL: urls.notification,
    SHOPPING_CART_SERVICE_URL: urls.carts,
    ...(inventory === 'reservations' && { INVENTORY_API: 'reservations' }),
    ...(inventory === 'catalog' && { PRODUCT_CATALOG_SERVICE_URL: urls.catalog }),
    // The default settings are made for the plain inventory.
    ...(inventory === 'per-product' && { INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'true' }),
  };
}

async function fight(
  options: CampaignOptions,
  world: World,
  schedule: Schedule,
  say: (line: string) => void,
): Promise<Omit<CampaignResult, 'folder'>> {
  const tally = new Tally();
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1_000;
  let crowd: Crowd | undefined;
  const attack = new Attack(options, world, schedule, tally, () => crowd?.progress ?? 0);
  crowd = new Crowd(options, world, () => attack.nextDue);
  world.receivers.watch(() => (crowd?.progress ?? 0) / options.orders);
  const progress = setInterval(() => say(describe(seconds(), crowd, tally)), PROGRESS_EVERY_MS);
  const limit = setTimeout(() => {
    attack.stop();
    crowd?.stop();
  }, options.minutes * 60_000);
  try {
    let isAttackOver = false;
    const attacked = attack.finished().finally(() => (isAttackOver = true));
    await Promise.all([attacked, crowd.work(() => !isAttackOver)]);
    clearTimeout(limit);
    const attackSeconds = seconds();
    say(`faults injected for ${attackSeconds.toFixed(0)} s; waiting until no work is open`);
    tally.merge(await world.upstreams.clearFaults());
    await world.receivers.calm();
    tally.merge(world.receivers.injected);
    await clearSqlFaults(world.database);
    await crowd.repeat((keys) => expireKeys(world.database, keys));
    await drain(options, world, say);
    const collapses = world.instances.flatMap((instance) => instance.collapses);
    const evidence = await gatherEvidence(
      options.inventory,
      crowd.records,
      world.database,
      world.upstreams,
      world.receivers,
      collapses,
    );
    return {
      options,
      evidence,
      verdict: judge(evidence),
      injected: tally,
      reached: world.pauses.reached,
      attackSeconds,
      drainSeconds: seconds() - attackSeconds,
    };
  } finally {
    clearInterval(progress);
    clearTimeout(limit);
  }
}

async function drain(options: CampaignOptions, world: World, say: (line: string) => void): Promise<void> {
  let saidAt = performance.now();
  let repeatedAt = -Infinity;
  await eventually(async () => {
    if (performance.now() - repeatedAt > REPEAT_EVERY_MS) {
      repeatedAt = performance.now();
      await repeatDeliveries(world.database);
    }
    const open = await countOpenWork(world.database, options.inventory);
    if (performance.now() - saidAt > PROGRESS_EVERY_MS) {
      saidAt = performance.now();
      const { pending, tasks, held, unnumbered, unqueued } = open;
      say(
        `open: ${pending} pending orders, ${tasks} tasks, ${held} lines to release, ${unnumbered} events not in the feed, ` +
          `${unqueued} not queued for webhooks`,
      );
    }
    return Object.values(open).every((count) => count === 0);
  }, options.restSeconds * 1_000);
}

function describe(seconds: number, crowd: Crowd | undefined, tally: Tally): string {
  const orders = crowd?.progress ?? 0;
  const rate = (orders / seconds).toFixed(0);
  return (
    `${seconds.toFixed(0).padStart(5)} s  ${orders} orders (${rate} a second), ${tally.total('SIGKILL')} kills, ` +
    `${tally.total()} faults in total`
  );
}
