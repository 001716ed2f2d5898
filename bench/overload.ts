import { parseArgs } from 'node:util';
import { Load, type Outcome } from './load.ts';
import { openScene } from './scene.ts';

const HELP = `Measures what the service does when more is asked of it than it can do.

Usage: npm run bench:overload [-- options]

  --seconds <n>          of each measurement (default: 10; at most 120)
  --max-placements <n>   the setting MAX_PLACEMENTS of the service (default: its own)
  --help                 show this text

Starts the built service, a PostgreSQL and the stand-ins, all on this machine, and removes them afterwards. First
clients that send one order after another find the capacity; then orders come at that rate, and at four times of it.
`;

const EXIT_WRONG_ARGUMENTS = 2;

const MAX_SECONDS = 120;

/** Twice as many clients must get this much more done, or the capacity is reached. */
const WORTHWHILE = 1.1;
const FIRST_CLIENTS = 4;
const MAX_CLIENTS = 64;

/** How much more than the capacity is offered. */
const OVERLOAD = 4;

/** Long enough that code is compiled and connections are open. */
const WARM_UP_SECONDS = 5;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function row(cells: readonly string[]): string {
  const [name = '', ...numbers] = cells;
  return `| ${name.padEnd(34)} | ${numbers.map((cell) => cell.padStart(10)).join(' | ')} |`;
}

function rowOf(name: string, outcome: Outcome): string {
  const { acceptedPerSecond, refusedPerSecond, p50, p99, refusedP99, faults } = outcome;
  const numbers = [acceptedPerSecond, refusedPerSecond, p50, p99, refusedP99, faults];
  return row([name, ...numbers.map((number) => (Number.isNaN(number) ? '-' : number.toFixed(0)))]);
}

/** @returns how many clients get the most done, and how much that is */
async function findCapacity(load: Load, seconds: number): Promise<{ clients: number; outcome: Outcome }> {
  let clients = FIRST_CLIENTS;
  let outcome = await load.closedLoop(clients, seconds);
  while (clients < MAX_CLIENTS) {
    const next = await load.closedLoop(clients * 2, seconds);
    if (next.acceptedPerSecond < outcome.acceptedPerSecond * WORTHWHILE) break;
    clients *= 2;
    outcome = next;
  }
  return { clients, outcome };
}

async function measure(url: string, seconds: number): Promise<void> {
  const load = new Load(url);
  try {
    await load.closedLoop(FIRST_CLIENTS, WARM_UP_SECONDS);
    const { clients, outcome } = await findCapacity(load, seconds);
    const capacity = outcome.acceptedPerSecond;
    const heads = ['accepted/s', 'refused/s', 'p50 ms', 'p99 ms', '503 p99', 'faults'];
    print(row(['orders', ...heads]));
    print(row(['---', ...heads.map(() => '---:')]));
    print(rowOf(`capacity: ${clients} clients in turn`, outcome));
    for (const times of [1, OVERLOAD]) {
      const offered = await load.openLoop(times * capacity, seconds);
      print(rowOf(`${times}x: ${(times * capacity).toFixed(0)} a second`, offered));
    }
  } finally {
    await load.close();
  }
}

function refuse(message: string): never {
  process.stderr.write(`${message}\nSee npm run bench:overload -- --help.\n`);
  process.exit(EXIT_WRONG_ARGUMENTS);
}

function readOptions() {
  const text = { type: 'string' } as const;
  try {
    const options = { seconds: text, 'max-placements': text, help: { type: 'boolean' } } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) return print(HELP);
  const seconds = Number(options.seconds ?? '10');
  if (!(seconds >= 1 && seconds <= MAX_SECONDS)) refuse(`--seconds must be from 1 to ${MAX_SECONDS}`);
  const placements = options['max-placements'];
  const scene = await openScene();
  try {
    const settings: Record<string, string> = placements === undefined ? {} : { MAX_PLACEMENTS: placements };
    const service = await scene.startService(await scene.createDatabase('overload'), settings);
    await measure(service.url.origin, seconds);
  } finally {
    await scene.close();
  }
}

await main();
