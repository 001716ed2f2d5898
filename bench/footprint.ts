import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { median, runClients } from './load/clients.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Works } from './load/works.ts';
import { readSettings, untilDrained } from './support/database.ts';
import { cpuOf, memoryOf } from './support/processes.ts';
import { describeMachine, finish, number, slopeOf } from './support/report.ts';
import { leaveNothing, type Scene, withScene } from './support/scene.ts';

const HELP = `Measures how soon the service is ready, what it costs while it is idle, and how much memory it needs for many orders.

Usage: npm run bench:footprint [-- options]

  --orders <n>    placed through the service (default: 1000000)
  --minutes <n>   how long that may take at most (default: 15)
  --starts <n>    how often it is started on a migrated database (default: 7; at least 5)
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL, the stand-ins and the built service, all on this machine, and removes them afterwards.
`;

const DEFAULT_ORDERS = 1_000_000;
const MIN_ORDERS = 1_000;
const MAX_ORDERS = 100_000_000;
const DEFAULT_MINUTES = 15;
const MAX_MINUTES = 720;
const DEFAULT_STARTS = 7;
const MIN_STARTS = 5;
const MAX_STARTS = 100;

/** After the start, whose work settles for a while, and long enough for processor time that is counted in steps of 10 ms. */
const SETTLE_MS = 15_000;
const IDLE_MS = 30_000;

const CLIENTS = 64;
const SLICE_SECONDS = 10;

const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: '128' };

/** The report gives the slope for this many orders. */
const MANY_ORDERS = 100_000;

interface Point {
  orders: number;
  /** Megabytes. */
  memory: number;
}

async function measureStarts(scene: Scene, databaseUrl: string, starts: number): Promise<number[]> {
  const times: number[] = [];
  for (let start = 1; start <= starts; start += 1) {
    const service = await scene.startService(databaseUrl, SETTINGS);
    times.push(service.startedIn);
    say(`  start ${start}: ready after ${number(service.startedIn)} ms`);
    await service.stop();
  }
  return times;
}

/** Processor time of an idle service, in milliseconds a second. */
async function measureIdle(scene: Scene, databaseUrl: string): Promise<number> {
  const service = await scene.startService(databaseUrl, SETTINGS);
  await sleep(SETTLE_MS);
  const before = (await cpuOf(service.pid)) ?? Number.NaN;
  const startedAt = performance.now();
  await sleep(IDLE_MS);
  const after = (await cpuOf(service.pid)) ?? Number.NaN;
  const seconds = (performance.now() - startedAt) / 1_000;
  await service.stop();
  return (after - before) / seconds;
}

async function measureMemory(
  scene: Scene,
  databaseUrl: string,
  orders: number,
  minutes: number,
): Promise<{ points: Point[]; most: number }> {
  const service = await scene.startService(databaseUrl, SETTINGS);
  const works = new Works(LoadedOrders.none());
  const points: Point[] = [];
  const note = async (): Promise<number> => {
    const { now, most } = (await memoryOf(service.pid)) ?? { now: Number.NaN, most: Number.NaN };
    points.push({ orders: works.placed, memory: now });
    say(`  ${works.placed} orders: ${number(now)} MB, at most ${number(most)} MB so far`);
    return most;
  };
  await note();
  const endsAt = performance.now() + minutes * 60_000;
  while (works.placed < orders && performance.now() < endsAt) {
    await runClients(service.url, works.place(false), CLIENTS, SLICE_SECONDS);
    await note();
  }
  await untilDrained(databaseUrl);
  return { points, most: await note() };
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = {
    orders: text,
    minutes: text,
    starts: text,
    json: text,
    help: { type: 'boolean' },
  } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const orders = readWhole(given.orders, 'orders', DEFAULT_ORDERS, MAX_ORDERS, MIN_ORDERS);
  const minutes = readWhole(given.minutes, 'minutes', DEFAULT_MINUTES, MAX_MINUTES);
  const starts = readWhole(given.starts, 'starts', DEFAULT_STARTS, MAX_STARTS, MIN_STARTS);
  await withScene(async (scene) => {
    const databaseUrl = await scene.createTables('footprint');
    const times = await measureStarts(scene, databaseUrl, starts);
    const idle = await measureIdle(scene, databaseUrl);
    say(`  idle: ${number(idle, 1)} ms of processor time a second (goal 10)`);
    say(`placing ${orders} orders with ${CLIENTS} clients, for ${minutes} minutes at most`);
    const { points, most } = await measureMemory(scene, databaseUrl, orders, minutes);
    const last = points.at(-1) ?? { orders: 0, memory: Number.NaN };
    const half = points.filter((point) => point.orders >= last.orders / 2);
    const slope = slopeOf(half.map((point) => [point.orders / MANY_ORDERS, point.memory]));
    say('');
    say(
      `ready: ${number(median(times))} ms, median of ${starts} (least 2000, goal 1000), ` +
        `${number(Math.min(...times))} to ${number(Math.max(...times))}`,
    );
    say(
      `memory after ${last.orders} orders: ${number(last.memory)} MB, at most ${number(most)} MB ` +
        `(after 1000000 least 250, goal 150)`,
    );
    if (last.orders < orders)
      say(`That is not ${orders} orders: there was no time for more. See how memory rises:`);
    say(`in the second half it rises by ${number(slope, 1)} MB for ${MANY_ORDERS} orders`);
    const figures = { starts: times, idle, memory: points, most };
    await finish(describeMachine(await readSettings(databaseUrl)), figures, json);
  });
}

await runCommand(main, leaveNothing);
