import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '../../../sandbox/service-server.ts';
import type { InventoryKind } from '../campaign/options.ts';
import type { Random } from '../campaign/random.ts';
import type { FaultRuleJson, Upstreams } from './upstreams.ts';

/** Longer than any attempt of the service, so that its caller has timed out when the call continues. */
const BEYOND_DEADLINE_MS = 3_000;

/** The longest outage of an upstream service: several attempts, and far less than the recovery window. */
const LONGEST_ABSENCE_MS = 2_500;

const MAX_SEED = 0xffff_ffff;

/** Fault rules, each with the probability per call. */
const KINDS: ((random: Random) => FaultRuleJson)[] = [
  (random) => ({ kind: 'delay', ms: random.integer(20, 400), probability: 0.3 }),
  (random) => ({ kind: 'delay', when: 'after', ms: random.integer(20, 400), probability: 0.3 }),
  () => ({ kind: 'hang', ms: BEYOND_DEADLINE_MS, probability: 0.1 }),
  () => ({ kind: 'hang', when: 'after', ms: BEYOND_DEADLINE_MS, probability: 0.1 }),
  () => ({ kind: 'refuse', probability: 0.3 }),
  () => ({ kind: 'reset', probability: 0.2 }),
  () => ({ kind: 'reset', when: 'after', probability: 0.2 }),
  (random) => ({ kind: 'status', status: random.pick([500, 502, 503, 429]), probability: 0.3 }),
  (random) => ({
    kind: 'status',
    status: random.pick([500, 502, 503, 429]),
    when: 'after',
    probability: 0.3,
  }),
  () => ({ kind: 'status', status: 503, retry_after_seconds: 1, probability: 0.1 }),
  () => ({ kind: 'garbage', probability: 0.2 }),
  () => ({ kind: 'garbage', when: 'before', probability: 0.2 }),
  () => ({ kind: 'truncate', probability: 0.2 }),
  () => ({ kind: 'truncate', when: 'before', probability: 0.2 }),
  (random) => ({ kind: 'away', for_ms: random.integer(300, LONGEST_ABSENCE_MS) }),
];

/** The upstream services of an order with this inventory. */
function servicesOf(inventory: InventoryKind): ServiceName[] {
  return [inventory === 'catalog' ? 'catalog' : 'inventory', 'notification', 'carts'];
}

/** Replaces the upstream faults: often by none, sometimes by several at once. */
export async function changeWeather(
  upstreams: Upstreams,
  inventory: InventoryKind,
  random: Random,
): Promise<Map<string, number>> {
  const counts = await upstreams.clearFaults();
  if (random.chance(0.35)) return counts;
  for (let rules = random.integer(1, 3); rules > 0; rules -= 1) {
    const rule = random.pick(KINDS)(random);
    // Faults of the inventory find the most.
    const [stock = 'inventory', ...others] = servicesOf(inventory);
    const service = random.chance(0.6) ? stock : random.pick(others);
    const seed = random.integer(0, MAX_SEED);
    // Half of the rules exclude lookups, whose failure ends an order before anything else can go wrong.
    const isForChanges = service !== 'notification' && random.chance(0.5);
    await upstreams.addFault(service, { ...rule, seed, ...(isForChanges && { method: 'PUT' }) });
  }
  return counts;
}

/** Makes reservations fail for a while, so that outcomes stay unknown and recovery has work. */
export async function makeOutcomesUnknown(upstreams: Upstreams, inventory: InventoryKind): Promise<void> {
  const rule: FaultRuleJson = { kind: 'status', status: 500, when: 'after', times: 12 };
  const method = inventory === 'reservations' ? 'POST' : 'PUT';
  await upstreams.addFault(inventory === 'catalog' ? 'catalog' : 'inventory', { ...rule, method });
}

/** How long everything is sold out: a reservation or two. Longer, and no order would be left to wait for. */
const SOLD_OUT_MS = 300;

/**
 * Lets others buy the last units of every product for a moment, so that stock that was released can not be reserved again. The
 * service computes the stock of the catalog itself, and it may not change beside it.
 */
export async function sellOut(upstreams: Upstreams, inventory: InventoryKind): Promise<void> {
  if (inventory === 'catalog') return;
  const products = (await upstreams.stock()).filter(({ quantity }) => quantity > 0);
  await Promise.all(products.map(({ id }) => upstreams.setQuantity(id, 0)));
  await sleep(SOLD_OUT_MS);
  await Promise.all(products.map(({ id, quantity }) => upstreams.setQuantity(id, quantity)));
}
