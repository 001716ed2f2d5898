import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { Load, type Outcome } from './load/load.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Works } from './load/works.ts';
import { readSettings, withClient } from './support/database.ts';
import { describeMachine, finish, number } from './support/report.ts';
import { leaveNothing, withScene } from './support/scene.ts';

const HELP = `Measures what it costs when many holds end at the same moment: how long until all of their stock is released, and how long
new orders take in that time.

Usage: npm run bench:holds [-- options]

  --holds <n>     holds that end together (default: 10000)
  --clients <n>   that place orders while the holds end (default: 8)
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL, the stand-ins and the built service, all on this machine, and removes them afterwards. New orders without ends
of holds are measured first, on the same database. The aim is 30 s for 10,000 holds.
`;

const DEFAULT_HOLDS = 10_000;
const MAX_HOLDS = 1_000_000;
const DEFAULT_CLIENTS = 8;
const MAX_CLIENTS = 256;

/** Clients that place the orders whose holds end later. */
const FILLING_CLIENTS = 32;
const SLICE_SECONDS = 5;
const WARM_UP_SECONDS = 3;

/** How often the end is looked for, and for how long at most. */
const LOOK_MS = 250;
const LONGEST_SECONDS = 300;

/** As many orders may be under way as there are clients at most, so that none is refused. */
const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: String(MAX_CLIENTS) };

/** Moves the end of every hold to one moment, half a second from now, with the task that waits for it. */
const END_TOGETHER = [
  `UPDATE orders SET expires_at = now() + interval '500 milliseconds' WHERE status = 'reserved'`,
  `UPDATE tasks SET run_at = now() + interval '500 milliseconds' WHERE kind = 'expire-hold'`,
];

/** Holds that have not ended, and lines whose units are not released. */
interface Left {
  reserved: number;
  unreleased: number;
}

async function countLeft(databaseUrl: string): Promise<Left> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<Left>(
      `SELECT count(*) FILTER (WHERE o.status = 'reserved')::int AS reserved,
         count(*) FILTER (WHERE o.status = 'expired' AND EXISTS (
           SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.reservation <> 'released'))::int AS unreleased
       FROM orders o WHERE o.status IN ('reserved', 'expired')`,
    );
    return rows[0] ?? { reserved: 0, unreleased: 0 };
  });
}

/** Places orders until so many are held. */
async function fill(load: Load, works: Works, holds: number): Promise<void> {
  while (works.placed < holds) {
    await load.closedLoop(FILLING_CLIENTS, SLICE_SECONDS);
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
}

async function endTogether(databaseUrl: string, load: Load, clients: number): Promise<Ended> {
  const { reserved: holds } = await countLeft(databaseUrl);
  await withClient(databaseUrl, async (client) => {
    for (const statement of END_TOGETHER) await client.query(statement);
  });
  const beganAt = performance.now();
  const seconds = (): number => (performance.now() - beganAt) / 1_000;
  const slices: Outcome[] = [];
  const end = { expiredIn: Number.NaN, releasedIn: Number.NaN, isOver: false };
  const placing = (async () => {
    while (!end.isOver) slices.push(await load.closedLoop(clients, 1));
  })();
  while (!end.isOver) {
    const { reserved, unreleased } = await countLeft(databaseUrl);
    if (reserved === 0 && Number.isNaN(end.expiredIn)) end.expiredIn = seconds();
    if (reserved === 0 && unreleased === 0) end.releasedIn = seconds();
    end.isOver = !Number.isNaN(end.releasedIn) || seconds() > LONGEST_SECONDS;
    await sleep(LOOK_MS);
  }
  await placing;
  return { holds, expiredIn: end.expiredIn, releasedIn: end.releasedIn, placing: meanOf(slices) };
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

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { holds: text, clients: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const holds = readWhole(given.holds, 'holds', DEFAULT_HOLDS, MAX_HOLDS);
  const clients = readWhole(given.clients, 'clients', DEFAULT_CLIENTS, MAX_CLIENTS);
  await withScene(async (scene) => {
    const databaseUrl = await scene.createTables('holds');
    const service = await scene.startService(databaseUrl, SETTINGS);
    const works = new Works(LoadedOrders.none());
    const filling = new Load(service.url, works.hold());
    const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
    try {
      say(`placing ${holds} orders whose stock is held`);
      await fill(filling, works, holds);
      await load.closedLoop(clients, WARM_UP_SECONDS);
      const alone = await load.closedLoop(clients, 2 * SLICE_SECONDS);
      say(`without an end of holds: ${describe(alone)}`);
      const ended = await endTogether(databaseUrl, load, clients);
      say(`while the holds end: ${describe(ended.placing)}`);
      say(
        `${ended.holds} holds ended together: expired after ${number(ended.expiredIn, 1)} s, all stock released after ` +
          `${number(ended.releasedIn, 1)} s; new orders: p50 ${number(ended.placing.p50 / alone.p50, 2)} times, ` +
          `p99 ${number(ended.placing.p99 / alone.p99, 2)} times what they are otherwise`,
      );
      const settings = await readSettings(databaseUrl);
      await finish(describeMachine(settings), { holds, clients, alone, ended }, json);
    } finally {
      for (const open of [filling, load]) open.close();
      await service.stop();
    }
  });
}

await runCommand(main, leaveNothing);
