import { totalmem } from 'node:os';
import { parseOptions, readWhole, runCommand, say, WrongOptions } from '../test/support/command-line.ts';
import { type GrowthResult, measureGrowth } from './growth-rounds.ts';
import { describeMachine, finish, medianOf, number, toTable } from './support/report.ts';
import { leaveNothing } from './support/scene.ts';

const HELP = `Measures what more orders in the database cost.

Usage: npm run bench:growth [-- options]

  --sizes <list>   numbers of orders, the smallest first (default: 10000,1000000,10000000)
  --rounds <n>     rounds; each measures everything once at each size (default: 5)
  --seconds <n>    of each measurement (default: 2)
  --buffers <MB>   what PostgreSQL keeps in its memory, its shared_buffers (default: 60 % of this machine's memory)
  --json <file>    write all figures there
  --help           show this text

Starts PostgreSQL and stand-ins for the other services, loads orders by COPY into a database for each size, starts a
service on each, and removes all of it afterwards. Ten million orders need 20 GB of disk, ten minutes to be loaded, and
13 GB of memory, which is filled with them before anything is measured: with less, the figures show how fast this
machine reads from its disk.
A cost is the processor time of the service and of its sessions at the database for one request, with 8 clients.
`;

const DEFAULT_SIZES = '10000,1000000,10000000';
const MIN_SIZE = 1_000;
const MAX_SIZE = 100_000_000;
const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;
const DEFAULT_SECONDS = 2;
const MAX_SECONDS = 60;

/** Enough for ten million orders on a machine of 24 GB, and the rest for the system, the services and the sessions. */
const SHARE_OF_MEMORY = 0.6;
const MIN_BUFFER_MB = 16;
const MB = 1_024 ** 2;

const TEXT = { type: 'string' } as const;

/** Target of the cost ratio at a larger size. */
const MOST_READ = 1.2;
const MOST_PLACED = 1.1;

function readSizes(text: string): number[] {
  const sizes = text.split(',').map((size) => readWhole(size, 'sizes', MIN_SIZE, MAX_SIZE, MIN_SIZE));
  if (sizes.length < 2 || sizes.some((size, at) => size <= (sizes[at - 1] ?? 0)))
    throw new WrongOptions('--sizes must be two or more numbers, the smallest first');
  return sizes;
}

function rowsOf(sizes: readonly number[], results: readonly GrowthResult[]): string[] {
  const heads = [
    'request',
    ...sizes.flatMap((size, at) => [`${size}: CPU ms`, 'p50 ms', ...(at > 0 ? ['x CPU', 'x p50'] : [])]),
  ];
  const cells = results.map(({ name, samples }) => [
    name,
    ...sizes.flatMap((_, at) => {
      const cpu = medianOf(samples, (round) => round[at]?.cpuMs);
      const p50 = medianOf(samples, (round) => round[at]?.p50);
      const plain = [number(cpu, 2), number(p50, 2)];
      if (at === 0) return plain;
      // Of one round, since what disturbs one size mostly disturbs the next as well.
      const times = (['cpuMs', 'p50'] as const).map((key) =>
        medianOf(samples, (round) => round[at] && round[0] && round[at][key] / round[0][key]),
      );
      return [...plain, ...times.map((value) => number(value, 2))];
    }),
  ]);
  return toTable([heads, ...cells]);
}

async function main(): Promise<void> {
  const options = {
    sizes: TEXT,
    rounds: TEXT,
    seconds: TEXT,
    buffers: TEXT,
    json: TEXT,
    help: { type: 'boolean' },
  } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const memoryMb = Math.floor(totalmem() / MB);
  const defaultBufferMb = Math.floor(memoryMb * SHARE_OF_MEMORY);
  const measures = {
    sizes: readSizes(given.sizes ?? DEFAULT_SIZES),
    rounds: readWhole(given.rounds, 'rounds', DEFAULT_ROUNDS, MAX_ROUNDS),
    seconds: readWhole(given.seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS),
    bufferMb: readWhole(given.buffers, 'buffers', defaultBufferMb, memoryMb, MIN_BUFFER_MB),
  };
  const { results, settings } = await measureGrowth(measures, say);
  say('');
  for (const row of rowsOf(measures.sizes, results)) say(row);
  say('');
  say(`aimed at: reads at most x ${MOST_READ}, placing at most x ${MOST_PLACED}`);
  await finish(describeMachine(settings), { measures, results }, json);
}

await runCommand(main, leaveNothing);
