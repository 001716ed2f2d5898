import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { Load, type Outcome } from './load/load.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Works } from './load/works.ts';
import { countCpuOfSessions, readSettings, withClient } from './support/database.ts';
import { cpuOf } from './support/processes.ts';
import { describeMachine, finish, number } from './support/report.ts';
import { leaveNothing, type Service, withScene } from './support/scene.ts';

const HELP = `Measures what it costs when many holds end at the same moment: how long until all of their stock is released, how long new
orders take in that time, and the processor time of the service and of PostgreSQL for each hold.

Usage: npm run bench:holds [-- options]

  --holds <n>     holds that end together (default: 10000)
  --rate <n>      new orders a second while the holds end (default: a quarter of what the machine can place)
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL, the stand-ins and the built service, all on this machine, and removes them afterwards. The same rate of new orders
without ends of holds is measured first, on the same database. The aim is 30 s for 10,000 holds.
`;

const DEFAULT_HOLDS = 10_000;
const MAX_HOLDS = 1_000_000;
const MAX_RATE = 10_000;

/** Clients that place the orders whose holds end later, and those that find out what the machine can place. */
const CLIENTS = 32;
const SLICE_SECONDS = 5;
const WARM_UP_SECONDS = 3;

/** New orders come at this share of the capacity: clients that never wait would take all of the processor by themselves. */
const SHARE = 0.25;

/** How often the end is looked for, and for how long at most. */
const LOOK_MS = 1_000;
const LONGEST_SECONDS = 300;

/** More than may be under way at a time, so that none is refused. */
const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: '1000' };

/** Moves the end of every hold to one moment, half a second from now, with the task that waits for it. */
const END_TOGETHER = [
  `UPDATE orders SET expires_at = now() + interval '500 milliseconds' WHERE status = 'reserved'`,
  `UPDATE tasks SET run_at = now() + interval '500 milliseconds' WHERE kind = 'expire-hold'`,
];

/** Whether holds, or releases, are left. Reads one task of each, so that looking costs the service nothing. */
const FIND_LEFT = `SELECT EXISTS (SELECT 1 FROM tasks WHERE kind = 'expire-hold') AS holds,
  EXISTS (SELECT 1 FROM tasks WHERE kind = 'release-stock') AS releases`;

/** Orders whose stock is held, or not released. Reads all of them. */
const COUNT_HELD = `SELECT count(*)::int AS held FROM orders o WHERE status = 'reserved' OR (status = 'expired' AND EXISTS (
  SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.reservation <> 'released'))`;

async function countHeld(client: Client): Promise<number> {
  const { rows } = await client.query<{ held: number }>(COUNT_HELD);
  return rows[0]?.held ?? 0;
}

/** Processor time, in milliseconds. */
interface Cpu {
  service: number;
  database: number;
}

/** Runs something, and measures the processor time that the service and its sessions use for it. */
async function measure<Result>(
  { pid, databaseUrl }: Service,
  work: () => Promise<Result>,
): Promise<{ result: Result; cpu: Cpu }> {
  const ofSessions = await countCpuOfSessions(databaseUrl);
  const before = (await cpuOf(pid)) ?? Number.NaN;
  const result = await work();
  return {
    result,
    cpu: { service: ((await cpuOf(pid)) ?? Number.NaN) - before, database: await ofSessions() },
  };
}

/** What each of a number of things took. */
function perEach({ service, database }: Cpu, count: number): Cpu {
  return { service: service / count, database: database / count };
}

/** Places orders until so many are held. */
async function fill(load: Load, works: Works, holds: number): Promise<void> {
  while (works.placed < holds) {
    await load.closedLoop(CLIENTS, SLICE_SECONDS);
    say(`  ${works.placed} orders are held`);
  }
}

/** How the holds ended. */
interface Ended {
  holds: number;
  /** Until no order was reserved, and until all stock was released; from the moment at which the holds end. */
  expiredIn: number;
  releasedIn: number;
  /** New orders until then. */
  placing: Outcome;
  placed: number;
}

async function endTogether(client: Client, load: Load, rate: number): Promise<Ended> {
  const holds = await countHeld(client);
  for (const statement of END_TOGETHER) await client.query(statement);
  const beganAt = performance.now();
  const seconds = (): number => (performance.now() - beganAt) / 1_000;
  const slices: Outcome[] = [];
  const end = { expiredIn: Number.NaN, releasedIn: Number.NaN, isOver: false };
  const placing = (async () => {
    while (!end.isOver) slices.push(await load.openLoop(rate, 1));
  })();
  while (!end.isOver) {
    await sleep(LOOK_MS);
    const { rows } = await client.query<{ holds: boolean; releases: boolean }>(FIND_LEFT);
    const [left = { holds: true, releases: true }] = rows;
    const isExpired = !left.holds;
    if (isExpired && Number.isNaN(end.expiredIn)) end.expiredIn = seconds();
    if (isExpired && !left.releases) end.releasedIn = seconds();
    end.isOver = !Number.isNaN(end.releasedIn) || seconds() > LONGEST_SECONDS;
  }
  await placing;
  const held = await countHeld(client);
  if (held > 0) throw new Error(`the stock of ${held} orders is still held`);
  const placed = slices.reduce((sum, { acceptedPerSecond }) => sum + acceptedPerSecond, 0);
  return { holds, expiredIn: end.expiredIn, releasedIn: end.releasedIn, placing: meanOf(slices), placed };
}

function meanOf(slices: readonly Outcome[]): Outcome {
  const mean = (read: (slice: Outcome) => number): number =>
    slices.reduce((sum, slice) => sum + read(slice), 0) / slices.length;
  return {
    acceptedPerSecond: mean((slice) => slice.acceptedPerSecond),
    refusedPerSecond: mean((slice) => slice.refusedPerSecond),
    faults: slices.reduce((sum, slice) => sum + slice.faults, 0),
    p50: mean((slice) => slice.p50),
    p99: mean((slice) => slice.p99),
    refusedP99: mean((slice) => slice.refusedP99),
  };
}

function describe({ acceptedPerSecond, faults, p50, p99 }: Outcome): string {
  return `${number(acceptedPerSecond)} orders a second (p50 ${number(p50, 1)} ms, p99 ${number(p99)} ms, ${faults} faults)`;
}

function describeCpu({ service, database }: Cpu): string {
  return `${number(service, 2)} ms of the service and ${number(database, 2)} ms of PostgreSQL`;
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { holds: text, rate: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const holds = readWhole(given.holds, 'holds', DEFAULT_HOLDS, MAX_HOLDS);
  await withScene(async (scene) => {
    const databaseUrl = await scene.createTables('holds');
    const service = await scene.startService(databaseUrl, SETTINGS);
    const works = new Works(LoadedOrders.none());
    const filling = new Load(service.url, works.hold());
    const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
    try {
      say(`placing ${holds} orders whose stock is held`);
      await fill(filling, works, holds);
      await load.closedLoop(CLIENTS, WARM_UP_SECONDS);
      const capacity = (await load.closedLoop(CLIENTS, SLICE_SECONDS)).acceptedPerSecond;
      const rate = readWhole(given.rate, 'rate', Math.max(1, Math.floor(capacity * SHARE)), MAX_RATE);
      await sleep(WARM_UP_SECONDS * 1_000);
      const { result: alone, cpu } = await measure(service, () => load.openLoop(rate, 2 * SLICE_SECONDS));
      const perOrder = perEach(cpu, alone.acceptedPerSecond * 2 * SLICE_SECONDS);
      say(`without an end of holds: ${describe(alone)}; an order takes ${describeCpu(perOrder)}`);
      const { result: ended, cpu: used } = await withClient(databaseUrl, (client) =>
        measure(service, () => endTogether(client, load, rate)),
      );
      const ofHolds = {
        service: used.service - perOrder.service * ended.placed,
        database: used.database - perOrder.database * ended.placed,
      };
      const perHold = perEach(ofHolds, ended.holds);
      say(`while the holds end: ${describe(ended.placing)}`);
      say(
        `${ended.holds} holds ended together: expired after ${number(ended.expiredIn, 1)} s, all stock released after ` +
          `${number(ended.releasedIn, 1)} s; a hold takes ${describeCpu(perHold)}; new orders: p50 ` +
          `${number(ended.placing.p50 / alone.p50, 2)} times, p99 ${number(ended.placing.p99 / alone.p99, 2)} times what ` +
          `they are otherwise`,
      );
      const settings = await readSettings(databaseUrl);
      const figures = { holds, capacity, rate, alone, perOrder, ended, perHold };
      await finish(describeMachine(settings), figures, json);
    } finally {
      for (const open of [filling, load]) open.close();
      await service.stop();
    }
  });
}

await runCommand(main, leaveNothing);
