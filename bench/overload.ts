import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { Load, type Outcome } from './load/load.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { number, toTable } from './support/report.ts';
import { leaveNothing, withScene } from './support/scene.ts';
import { Works } from './load/works.ts';

const HELP = `Measures the service at four times its capacity.

Usage: npm run bench:overload [-- options]

  --seconds <n>          of each measurement (default: 10; at most 120)
  --max-placements <n>   the setting MAX_PLACEMENTS of the service (default: its own)
  --help                 show this text

Starts the built service, a PostgreSQL and the stand-ins, all on this machine, and removes them afterwards. First
clients that send one order after another find the capacity; then orders come at that rate, and at four times of it.
`;

const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 120;
const MAX_MAX_PLACEMENTS = 10_000;

/** How much more than the capacity is offered. */
const OVERLOAD = 4;

/** Long enough that code is compiled and connections are open. */
const WARM_UP_SECONDS = 5;
const WARM_UP_CLIENTS = 4;

const HEADS = ['orders', 'accepted/s', 'refused/s', 'p50 ms', 'p99 ms', '503 p99', 'faults'];

function cellsOf(name: string, outcome: Outcome): string[] {
  const { acceptedPerSecond, refusedPerSecond, p50, p99, refusedP99, faults } = outcome;
  return [
    name,
    ...[acceptedPerSecond, refusedPerSecond, p50, p99, refusedP99, faults].map((value) => number(value)),
  ];
}

async function measure(load: Load, seconds: number): Promise<string[][]> {
  say('warming up');
  await load.closedLoop(WARM_UP_CLIENTS, WARM_UP_SECONDS);
  say('finding the capacity');
  const { clients, outcome } = await load.findCapacity(seconds);
  const capacity = outcome.acceptedPerSecond;
  const rows = [cellsOf(`capacity: ${clients} clients in turn`, outcome)];
  for (const times of [1, OVERLOAD]) {
    const name = `${times}x: ${number(times * capacity)} a second`;
    say(name);
    rows.push(cellsOf(name, await load.openLoop(times * capacity, seconds)));
  }
  return rows;
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { seconds: text, 'max-placements': text, help: { type: 'boolean' } } as const;
  const { 'max-placements': bound, help, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const seconds = readWhole(given.seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS);
  const settings: Record<string, string> =
    bound === undefined
      ? {}
      : { MAX_PLACEMENTS: String(readWhole(bound, 'max-placements', 1, MAX_MAX_PLACEMENTS)) };
  const rows = await withScene(async (scene) => {
    const service = await scene.startService(await scene.createDatabase('overload'), settings);
    const load = new Load(service.url, new Works(LoadedOrders.none()).place(false));
    try {
      return await measure(load, seconds);
    } finally {
      load.close();
    }
  });
  say('');
  for (const row of toTable([HEADS, ...rows])) say(row);
}

await runCommand(main, leaveNothing);
