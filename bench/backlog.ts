import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { Load, type Outcome } from './load/load.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Works } from './load/works.ts';
import { type ClaimCost, measureClaims } from './support/claims.ts';
import {
  countCpuOfSessions,
  countOpenTasks,
  readSettings,
  untilDrained,
  withClient,
} from './support/database.ts';
import { cpuOf } from './support/processes.ts';
import { describeMachine, finish, number } from './support/report.ts';
import { leaveNothing, type Scene, withScene } from './support/scene.ts';

const HELP = `Measures what waiting tasks cost: how fast a backlog of notifications drains under full load, a claim with few
and with many waiting tasks, and the processor time of an instance that has nothing to do.

Usage: npm run bench:backlog [-- options]

  --jobs <n>      size of the backlog (default: 100000)
  --clients <n>   that place orders during the run (default: 64)
  --minutes <n>   how long it may take at most (default: 10)
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL, the stand-ins and the built service, all on this machine, and removes them afterwards. The jobs are
loaded as an outage of the notification service leaves them: half of them were attempted before. A baseline without a
backlog is measured first, on a database with the same orders.
`;

const DEFAULT_JOBS = 100_000;
const MIN_JOBS = 1_000;
const MAX_JOBS = 10_000_000;
const DEFAULT_CLIENTS = 64;
const MAX_CLIENTS = 256;
const DEFAULT_MINUTES = 10;
const MAX_MINUTES = 120;

const WARM_UP_SECONDS = 3;
/** Waiting tasks of the claim that the backlog's is compared with. */
const FEW_JOBS = 100;
/** After its start an instance still has work of its own for some seconds. */
const SETTLE_SECONDS = 10;
const IDLE_SECONDS = 30;
/** Duration of the baseline without a backlog, and the interval of the progress lines with one. */
const SLICE_SECONDS = 5;

/** As many orders may be under way as there are clients at most, so that none is refused. */
const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: String(MAX_CLIENTS) };

interface Slice extends Outcome {
  toldPerSecond: number;
  /** When it ended, in seconds since the first order was placed. */
  endedAt: number;
  /** Tasks left at the end, including those of orders placed during the run. */
  left: number;
  /** Those left of the ones that waited. */
  waiting: number;
}

/** Processor time of an instance that has nothing to do, and of its database, in milliseconds a second. */
interface Idle {
  service: number;
  database: number;
}

interface BacklogOptions {
  jobs: number;
  clients: number;
  minutes: number;
}

/** Runs something with orders for a service on a database. */
async function withLoad<Result>(
  scene: Scene,
  databaseUrl: string,
  work: (load: Load) => Promise<Result>,
): Promise<Result> {
  const service = await scene.startService(databaseUrl, SETTINGS);
  const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
  try {
    return await work(load);
  } finally {
    load.close();
    await service.stop();
  }
}

async function measureIdle(scene: Scene): Promise<Idle> {
  const databaseUrl = await scene.createTables('idle');
  const service = await scene.startService(databaseUrl, SETTINGS);
  try {
    await sleep(SETTLE_SECONDS * 1_000);
    const usedBySessions = await countCpuOfSessions(databaseUrl);
    const before = (await cpuOf(service.pid)) ?? Number.NaN;
    await sleep(IDLE_SECONDS * 1_000);
    const after = (await cpuOf(service.pid)) ?? Number.NaN;
    return { service: (after - before) / IDLE_SECONDS, database: (await usedBySessions()) / IDLE_SECONDS };
  } finally {
    await service.stop();
  }
}

/** A claim from the few waiting tasks of a database of its own. */
async function measureFewClaims(scene: Scene): Promise<ClaimCost> {
  const databaseUrl = await scene.createTables('few');
  await LoadedOrders.load(databaseUrl, scene.folder, { count: FEW_JOBS, waiting: FEW_JOBS });
  return measureClaims(databaseUrl);
}

async function measureAlone(scene: Scene, { jobs, clients }: BacklogOptions): Promise<Outcome> {
  const databaseUrl = await scene.createTables('alone');
  await LoadedOrders.load(databaseUrl, scene.folder, { count: jobs });
  return withLoad(scene, databaseUrl, async (load) => {
    await load.closedLoop(clients, WARM_UP_SECONDS);
    const outcome = await load.closedLoop(clients, 2 * SLICE_SECONDS);
    await untilDrained(databaseUrl);
    return outcome;
  });
}

/** How a backlog went. */
interface Drained {
  /** Jobs that waited when the first order was placed. */
  waiting: number;
  slices: Slice[];
  /** A claim while all of them wait. */
  claim: ClaimCost;
}

async function drain(scene: Scene, { jobs, clients, minutes }: BacklogOptions): Promise<Drained> {
  const databaseUrl = await scene.createTables('backlog');
  say(`loading ${jobs} jobs`);
  await LoadedOrders.load(databaseUrl, scene.folder, { count: jobs, waiting: jobs });
  const claim = await measureClaims(databaseUrl);
  // As soon as it has started, the service does jobs; it is measured from its first order on.
  return withLoad(scene, databaseUrl, async (load) => {
    const slices: Slice[] = [];
    const since = new Date();
    const countJobs = () => withClient(databaseUrl, (client) => countOpenTasks(client, since));
    const { older: waitingFirst } = await countJobs();
    const beganAt = performance.now();
    const endsAt = beganAt + minutes * 60_000;
    for (let isDrained = false; !isDrained && performance.now() < endsAt;) {
      const [told, startedAt] = [await scene.countTold(), performance.now()];
      const outcome = await load.closedLoop(clients, SLICE_SECONDS);
      const seconds = (performance.now() - startedAt) / 1_000;
      const toldPerSecond = ((await scene.countTold()) - told) / seconds;
      const { all: left, older: waiting } = await countJobs();
      // Under load there are always some that were sent just now.
      isDrained = left < Math.max(outcome.acceptedPerSecond, clients);
      const endedAt = (performance.now() - beganAt) / 1_000;
      slices.push({ ...outcome, toldPerSecond, endedAt, left, waiting });
      say(
        `  ${describe(outcome)}, ${number(toldPerSecond)} notifications sent a second, ` +
          `${waiting} still wait, ${left} jobs left in all`,
      );
    }
    return { waiting: waitingFirst, slices, claim };
  });
}

function describe({ acceptedPerSecond, refusedPerSecond, faults, p99 }: Outcome): string {
  const trouble =
    refusedPerSecond > 0 || faults > 0 ? `, ${number(refusedPerSecond)} refused, ${faults} faults` : '';
  return `${number(acceptedPerSecond)} orders a second (p99 ${number(p99)} ms${trouble})`;
}

function report(alone: Outcome, { waiting, slices }: Drained, clients: number): string[] {
  const mean = (read: (slice: Slice) => number): number =>
    slices.reduce((sum, slice) => sum + read(slice), 0) / slices.length;
  const [told, placed] = [mean((slice) => slice.toldPerSecond), mean((slice) => slice.acceptedPerSecond)];
  const last = slices.at(-1);
  const [left, seconds] = [last?.left ?? Number.NaN, last?.endedAt ?? Number.NaN];
  const waitedFor = slices.find((slice) => slice.waiting === 0)?.endedAt ?? Number.NaN;
  return [
    `backlog: ${waiting} notifications sent within ${number(waitedFor)} s, ${number(waiting / waitedFor)} a second (target: 1000)`,
    `in all: ${number(told)} a second, those of new orders among them`,
    `orders placed during the run: ${number(placed)} a second, ${number(alone.acceptedPerSecond)} without a backlog (${number(placed / alone.acceptedPerSecond, 2)})`,
    left < Math.max(placed, clients)
      ? `nothing left after ${number(seconds)} s`
      : `NOT drained after ${number(seconds)} s: ${left} jobs are left`,
  ];
}

function describeClaims(few: ClaimCost, { claim, waiting }: Drained): string {
  return (
    `claim: ${number(claim.ms, 2)} ms and ${claim.buffers} pages with ${waiting} waiting tasks, ` +
    `${number(few.ms, 2)} ms and ${few.buffers} pages with ${FEW_JOBS} (${number(claim.ms / few.ms, 2)} times, target: 1)`
  );
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = {
    jobs: text,
    clients: text,
    minutes: text,
    json: text,
    help: { type: 'boolean' },
  } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const measures = {
    jobs: readWhole(given.jobs, 'jobs', DEFAULT_JOBS, MAX_JOBS, MIN_JOBS),
    clients: readWhole(given.clients, 'clients', DEFAULT_CLIENTS, MAX_CLIENTS),
    minutes: readWhole(given.minutes, 'minutes', DEFAULT_MINUTES, MAX_MINUTES),
  };
  await withScene(async (scene) => {
    say('an idle instance');
    const idle = await measureIdle(scene);
    say(`  ${number(idle.service, 1)} ms a second, its database ${number(idle.database, 1)}`);
    const few = await measureFewClaims(scene);
    say('placing without a backlog');
    const alone = await measureAlone(scene, measures);
    say(`  ${describe(alone)}`);
    const drained = await drain(scene, measures);
    const lines = [
      ...report(alone, drained, measures.clients),
      describeClaims(few, drained),
      `idle instance: ${number(idle.service, 1)} ms of processor time a second (target: 10), its database ${number(idle.database, 1)}`,
    ];
    say('');
    for (const line of lines) say(line);
    const settings = await readSettings(await scene.createDatabase('settings'));
    await finish(describeMachine(settings), { measures, idle, few, alone, ...drained }, json);
  });
}

await runCommand(main, leaveNothing);
