import { say } from '../../test/support/command-line.ts';
import { median, runClients } from '../load/clients.ts';
import { Load, type Outcome } from '../load/load.ts';
import { LoadedOrders } from '../load/loaded-orders.ts';
import { Works } from '../load/works.ts';
import { countCpuOfSessions, untilDrained } from '../support/database.ts';
import { cpuOf, memoryOf } from '../support/processes.ts';
import { number } from '../support/report.ts';
import type { Scene, Service } from '../support/scene.ts';
import { countUndelivered, insertEndpoints, measureBareCalls, Receiver } from './endpoints.ts';

/** Loaded orders have three to four events, most of them four. */
const EVENTS_OF_ORDER = 4;

/** Attempts at a time that an endpoint gets from one instance at most. */
const AT_A_TIME = 64;

const WARM_UP_SECONDS = 3;
const SLICE_SECONDS = 5;
const YARDSTICK_SECONDS = 5;

/** Orders a second that are placed while the backlog is delivered: few, so that they show delays and cause none. */
const ORDERS_BESIDE = 10;

const LONGEST_SECONDS = 400;

const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: '512' };

export interface BacklogOptions {
  deliveries: number;
  clients: number;
  rounds: number;
}

/** Orders a second with no endpoint and with one that is dead, each pair one after the other. */
interface Pair {
  none: number;
  dead: number;
}

interface Slice extends Outcome {
  deliveredPerSecond: number;
  /** Processor time of a delivery with what surrounds it, in milliseconds. */
  cpuMs: number;
  databaseMs: number;
  /** Megabytes of the service. */
  memory: number;
}

export interface DrainedBacklog {
  pairs: Pair[];
  /** Megabytes of the service while the endpoint was dead: before and after the orders. */
  memoryBefore: number;
  memoryWaiting: number;
  waiting: number;
  /** p50 and p99 of few orders at a time, without an endpoint. */
  alone: Outcome;
  slices: Slice[];
  seconds: number;
  /** Calls a second of the same client without a service. */
  bare: number;
}

const memory = async ({ pid }: Service): Promise<number> => (await memoryOf(pid))?.now ?? Number.NaN;

async function startLoaded(
  scene: Scene,
  name: string,
  orders: number,
  receiver?: Receiver,
): Promise<Service> {
  const databaseUrl = await scene.createTables(name);
  await LoadedOrders.load(databaseUrl, scene.folder, { count: orders });
  if (receiver) await insertEndpoints(databaseUrl, receiver.url, 1, 0);
  return scene.startService(databaseUrl, SETTINGS);
}

/** What waits for a dead endpoint, what orders cost in the meantime, and how fast it is delivered once the endpoint is back. */
export async function measureBacklog(
  scene: Scene,
  { deliveries, clients, rounds }: BacklogOptions,
): Promise<DrainedBacklog> {
  const orders = Math.ceil(deliveries / EVENTS_OF_ORDER);
  const receiver = await Receiver.down(scene);
  const none = await startLoaded(scene, 'no_endpoint', orders);
  const dead = await startLoaded(scene, 'dead_endpoint', orders, receiver);
  const works = new Works(LoadedOrders.none());
  const place = async ({ url, databaseUrl }: Service, seconds: number): Promise<number> => {
    const { perSecond } = await runClients(url, works.place(false), clients, seconds);
    if (databaseUrl === none.databaseUrl) await untilDrained(databaseUrl);
    return perSecond;
  };
  for (const service of [none, dead]) await place(service, WARM_UP_SECONDS);
  const memoryBefore = await memory(dead);
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const turns: ('none' | 'dead')[] = round % 2 === 0 ? ['none', 'dead'] : ['dead', 'none'];
    const pair = { none: 0, dead: 0 };
    for (const turn of turns) pair[turn] = await place(turn === 'none' ? none : dead, SLICE_SECONDS);
    pairs.push(pair);
    say(
      `  ${number(pair.none)} orders a second without an endpoint, ${number(pair.dead)} with one that is dead`,
    );
  }
  const memoryWaiting = await memory(dead);
  const load = new Load(none.url, works.place(false));
  const alone = await load.openLoop(ORDERS_BESIDE, SLICE_SECONDS);
  load.close();
  await none.stop();
  const { queued, unread } = await countUndelivered(dead.databaseUrl);
  await receiver.start();
  const drained = await drain(dead, receiver);
  const bare = await measureBareCalls(receiver, AT_A_TIME, YARDSTICK_SECONDS);
  await dead.stop();
  return { pairs, memoryBefore, memoryWaiting, waiting: queued + unread, alone, ...drained, bare };
}

async function drain(
  service: Service,
  receiver: Receiver,
): Promise<Pick<DrainedBacklog, 'slices' | 'seconds'>> {
  const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
  const slices: Slice[] = [];
  let firstAt: number | undefined;
  const beganAt = performance.now();
  for (;;) {
    const usedBySessions = await countCpuOfSessions(service.databaseUrl);
    const [before, told, startedAt] = [await cpuOf(service.pid), await receiver.count(), performance.now()];
    const outcome = await load.openLoop(ORDERS_BESIDE, SLICE_SECONDS);
    const delivered = (await receiver.count()) - told;
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = ((await cpuOf(service.pid)) ?? Number.NaN) - (before ?? Number.NaN);
    // The circuit lets a first attempt through only after its pause.
    if (delivered > 0) {
      firstAt ??= startedAt;
      slices.push({
        ...outcome,
        deliveredPerSecond: delivered / seconds,
        cpuMs: used / delivered,
        databaseMs: (await usedBySessions()) / delivered,
        memory: await memory(service),
      });
    }
    const { queued, unread } = await countUndelivered(service.databaseUrl);
    const { deliveredPerSecond = 0, cpuMs, databaseMs } = slices.at(-1) ?? {};
    say(
      `  ${number(deliveredPerSecond)} deliveries a second, ${number(cpuMs, 2)} + ${number(databaseMs, 2)} ms of CPU each, ` +
        `${queued} queued, ${unread} unread`,
    );
    const isDrained = queued + unread <= ORDERS_BESIDE * 2;
    if (isDrained || performance.now() - beganAt > LONGEST_SECONDS * 1_000) {
      load.close();
      return { slices, seconds: isDrained ? (performance.now() - (firstAt ?? beganAt)) / 1_000 : Number.NaN };
    }
  }
}

export function describeBacklog(result: DrainedBacklog): string[] {
  const { pairs, memoryBefore, memoryWaiting, waiting, alone, slices, seconds, bare } = result;
  // The last slice ends with less to deliver.
  const full = slices.length > 1 ? slices.slice(0, -1) : slices;
  const mid = (read: (slice: Slice) => number, digits = 0): string => number(median(full.map(read)), digits);
  const most = (read: (slice: Slice) => number): string => number(Math.max(...slices.map(read)));
  const placed = number(median(pairs.map((pair) => pair.dead / pair.none)), 2);
  const rate = waiting / seconds;
  return [
    `placing with ${waiting} deliveries that wait for a dead endpoint: ${placed} of the orders without an endpoint, ` +
      `memory ${number(memoryBefore)} MB before, ${number(memoryWaiting)} MB after`,
    `delivered in ${number(seconds)} s: ${number(rate)} a second (target: 1000), at most ${most((slice) => slice.deliveredPerSecond)}; ` +
      `bare calls: ${number(bare)} a second (ratio ${number(rate / bare, 2)})`,
    `CPU of a delivery: service ${mid((slice) => slice.cpuMs, 2)} ms, database ${mid((slice) => slice.databaseMs, 2)} ms; ` +
      `memory at most ${most((slice) => slice.memory)} MB`,
    `orders placed during the deliveries: p50 ${mid((slice) => slice.p50, 1)} ms, p99 ${mid((slice) => slice.p99, 1)} ms; ` +
      `without an endpoint ${number(alone.p50, 1)} and ${number(alone.p99, 1)} ms`,
  ];
}
