import { PAUSE_POINTS } from '../../../src/pause-points/pause-points.ts';
import { SQL_FAULTS, type SqlFault } from '../world/database-faults.ts';
import type { CampaignOptions, InventoryKind } from './options.ts';
import { Random } from './random.ts';

/** A fault of one instance, due after a number of completed orders. */
export interface InstanceFault {
  at: number;
  kind: 'kill' | 'kill-at' | 'terminate' | 'freeze' | 'freeze-at';
  point?: string;
  /** How long the process is frozen. */
  ms?: number;
}

export interface DatabaseFault {
  at: number;
  kind: 'crash' | 'cut' | 'deadlock' | 'sql';
  code?: SqlFault;
  /** How long the server stays down. */
  ms?: number;
}

export interface Schedule {
  /** Faults by instance. */
  instances: InstanceFault[][];
  database: DatabaseFault[];
  /** Numbers of completed orders at which the upstream faults change. */
  weather: number[];
}

/** Longer than the lease of a placement with the campaign's settings, so that another instance acquires it. */
const BEYOND_LEASE_MS = 4_500;

/** Longer than the lease of a task, and than PostgreSQL's timeout for an idle transaction. */
const BEYOND_JOB_EXPIRY_MS = 17_000;

/** Longer than the lease of a delivery to a webhook, which is the longest. */
const BEYOND_WEBHOOK_LEASE_MS = 22_000;

/** Points that exist only with one kind of inventory, or with all but one. */
const ONLY_WITH: Partial<Record<string, readonly InventoryKind[]>> = {
  'placement.before-postpone': ['per-product', 'reservations', 'catalog'],
  'release.before-call': ['per-product', 'reservations', 'catalog'],
  'release.claimed': ['plain'],
};

/** The pause points that exist with an inventory. */
export function pointsOf(inventory: InventoryKind): string[] {
  return PAUSE_POINTS.filter((point) => {
    if (point.startsWith('catalog.')) return inventory === 'catalog';
    if (point.startsWith('inventory.')) return inventory !== 'catalog';
    return ONLY_WITH[point]?.includes(inventory) ?? true;
  });
}

/** @returns `count` moments, spread over the orders with some jitter */
function moments(count: number, orders: number, random: Random): number[] {
  const step = orders / (count + 1);
  return Array.from({ length: count }, (_, index) => Math.round(step * (index + 0.5 + random.next())));
}

function freezeOf(random: Random, points: readonly string[], at: number): InstanceFault {
  if (random.chance(0.4)) return { at, kind: 'freeze', ms: BEYOND_LEASE_MS };
  const point = random.pick(points);
  const isJob = /^(notification|release|cart)\./.test(point);
  const isWebhook = point.startsWith('webhook.');
  const ms = isWebhook ? BEYOND_WEBHOOK_LEASE_MS : isJob ? BEYOND_JOB_EXPIRY_MS : BEYOND_LEASE_MS;
  return { at, kind: 'freeze-at', point, ms };
}

function planInstances(options: CampaignOptions): InstanceFault[] {
  const { seed, orders, kills, faults } = options;
  const random = Random.of(seed, 'instances');
  const points = pointsOf(options.inventory);
  const all: InstanceFault[] = [];
  if (options.points) {
    const at = moments(options.points.length, orders, random);
    return options.points.map((point, index) => ({ at: at[index] ?? 0, kind: 'kill-at', point }));
  }
  if (faults.has('kills')) {
    let queue: string[] = [];
    for (const at of moments(kills, orders, random)) {
      if (random.chance(0.35)) {
        all.push({ at, kind: 'kill' });
        continue;
      }
      if (queue.length === 0) queue = random.shuffle(points);
      all.push({ at, kind: 'kill-at', point: queue.pop() ?? '' });
    }
  }
  if (faults.has('signals')) {
    // A tenth as many freezes and terminations each: they take longer, and kills find the most faults.
    const count = Math.ceil(kills / 10);
    for (const at of moments(count, orders, random)) all.push({ at, kind: 'terminate' });
    for (const at of moments(count, orders, random)) all.push(freezeOf(random, points, at));
  }
  return all.toSorted((one, other) => one.at - other.at);
}

function planDatabase({ seed, orders, kills, faults }: CampaignOptions): DatabaseFault[] {
  if (!faults.has('database')) return [];
  const random = Random.of(seed, 'database');
  const codes = Object.keys(SQL_FAULTS) as SqlFault[];
  const all: DatabaseFault[] = [
    ...moments(Math.ceil(kills / 25), orders, random).map((at): DatabaseFault => ({
      at,
      kind: 'crash',
      ms: random.integer(100, 2_000),
    })),
    ...moments(Math.ceil(kills / 10), orders, random).map((at): DatabaseFault => ({ at, kind: 'cut' })),
    ...moments(Math.ceil(kills / 15), orders, random).map((at): DatabaseFault => ({ at, kind: 'deadlock' })),
    ...moments(Math.ceil(kills / 10), orders, random).map((at): DatabaseFault => ({
      at,
      kind: 'sql',
      code: random.pick(codes),
    })),
  ];
  return all.toSorted((one, other) => one.at - other.at);
}

/** Average number of orders between two changes of the upstream faults. */
const ORDERS_PER_WEATHER = 50;

/** What happens in a campaign, and when. Depends on the options alone. */
export function plan(options: CampaignOptions): Schedule {
  const random = Random.of(options.seed, 'lanes');
  const instances = Array.from({ length: options.instances }, (): InstanceFault[] => []);
  for (const [index, fault] of planInstances(options).entries()) {
    // Named points are used in order; otherwise the instance is drawn at random.
    const lane = options.points ? index % options.instances : random.integer(0, options.instances - 1);
    instances[lane]?.push(fault);
  }
  const changes = Math.ceil(options.orders / ORDERS_PER_WEATHER);
  return {
    instances,
    database: planDatabase(options),
    weather: options.faults.has('upstream')
      ? moments(changes, options.orders, Random.of(options.seed, 'weather'))
      : [],
  };
}
