import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { median } from './load/clients.ts';
import { Load, type Outcome } from './load/load.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Works } from './load/works.ts';
import { countOpenTasks, readSettings, untilDrained, withClient } from './support/database.ts';
import { memoryOf } from './support/processes.ts';
import { describeMachine, finish, number, slopeOf } from './support/report.ts';
import { leaveNothing, type Scene, type Service, withScene } from './support/scene.ts';

const HELP = `Measures whether latency and memory stay constant under a lasting load.

Usage: npm run bench:soak [-- options]

  --minutes <n>   how long orders come (default: 30; at least 3)
  --json <file>   write all figures there
  --help          show this text

Starts the built service, a PostgreSQL and the stand-ins, all on this machine, and removes them afterwards. First the
capacity is found; then orders come at 70 % of it, whether they are answered or not. It prints a line every minute.
`;

const DEFAULT_MINUTES = 30;
const MIN_MINUTES = 3;
const MAX_MINUTES = 1_440;

const WARM_UP_CLIENTS = 8;
const WARM_UP_SECONDS = 10;
const CAPACITY_SECONDS = 10;
const SHARE_OF_CAPACITY = 0.7;
const MINUTE_SECONDS = 60;

/** How many times as long the slowest orders of the last third may take as those of the first. */
const MOST_DRIFT = 1.2;

/** Memory varies with garbage collection; growth below this, in MB an hour, counts as flat. */
const FLAT_MB_AN_HOUR = 20;

const RESERVATIONS = { INVENTORY_API: 'reservations' };

interface Minute extends Outcome {
  /** Megabytes. */
  memory: number;
  backlog: number;
}

interface Soak {
  perSecond: number;
  minutes: Minute[];
  drainMs: number;
  untold: number;
  settings: Record<string, string>;
}

async function soak(scene: Scene, service: Service, load: Load, minutes: number): Promise<Soak> {
  say('warming up');
  await load.closedLoop(WARM_UP_CLIENTS, WARM_UP_SECONDS);
  const { clients, outcome } = await load.findCapacity(CAPACITY_SECONDS);
  const perSecond = SHARE_OF_CAPACITY * outcome.acceptedPerSecond;
  say(`capacity: ${number(outcome.acceptedPerSecond)} orders a second, with ${clients} clients in turn`);
  say(`${number(perSecond)} orders a second for ${minutes} minutes`);
  await untilDrained(service.databaseUrl);
  const toldBefore = await scene.countTold();
  const done: Minute[] = [];
  let accepted = 0;
  for (let minute = 1; minute <= minutes; minute += 1) {
    const result = await load.openLoop(perSecond, MINUTE_SECONDS);
    accepted += Math.round(result.acceptedPerSecond * MINUTE_SECONDS);
    const memory = (await memoryOf(service.pid))?.now ?? Number.NaN;
    const { all: backlog } = await withClient(service.databaseUrl, (client) => countOpenTasks(client));
    done.push({ ...result, memory, backlog });
    const { acceptedPerSecond, refusedPerSecond, faults, p50, p99 } = result;
    say(
      `minute ${minute}: ${number(acceptedPerSecond)} orders a second, ${number(refusedPerSecond)} refused, ` +
        `${faults} faults, p50 ${number(p50)} ms, p99 ${number(p99)} ms, ${number(memory)} MB, ${backlog} jobs waiting`,
    );
  }
  const drainMs = await untilDrained(service.databaseUrl);
  const untold = accepted - ((await scene.countTold()) - toldBefore);
  return { perSecond, minutes: done, drainMs, untold, settings: await readSettings(service.databaseUrl) };
}

function p99Of(minutes: readonly Minute[]): number {
  return median(minutes.map((minute) => minute.p99));
}

function verdict(isGood: boolean, text: string): string {
  return `${isGood ? 'good' : 'BAD '}  ${text}`;
}

/** The claims of this benchmark, each with its figure. The first third is left out as warm-up. */
function verdictsOf({ minutes, drainMs, untold }: Soak): string[] {
  const third = Math.floor(minutes.length / 3);
  const settled = minutes.slice(third).map(({ memory }, at) => [at, memory] as const);
  const anHour = slopeOf(settled) * 60;
  const drift = p99Of(minutes.slice(-third)) / p99Of(minutes.slice(0, third));
  const faults = minutes.reduce((sum, minute) => sum + minute.faults, 0);
  return [
    verdict(anHour < FLAT_MB_AN_HOUR, `memory: ${number(anHour, 1)} MB an hour after the first third`),
    verdict(drift < MOST_DRIFT, `p99: the last third took ${number(drift, 2)} times as long as the first`),
    verdict(
      untold <= 0,
      `backlog: 0 after ${number(drainMs)} ms, ${Math.max(0, untold)} notifications not sent`,
    ),
    verdict(faults === 0, `faults: ${faults}`),
  ];
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { minutes: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const minutes = readWhole(given.minutes, 'minutes', DEFAULT_MINUTES, MAX_MINUTES, MIN_MINUTES);
  const result = await withScene(async (scene) => {
    const service = await scene.startService(await scene.createDatabase('soak'), RESERVATIONS);
    const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
    try {
      return await soak(scene, service, load, minutes);
    } finally {
      load.close();
    }
  });
  const verdicts = verdictsOf(result);
  say('');
  for (const line of verdicts) say(line);
  const { settings, ...figures } = result;
  await finish(describeMachine(settings), { ...figures, verdicts }, json);
}

await runCommand(main, leaveNothing);
