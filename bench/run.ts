import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { BARE_PLACEMENT, Bench, GET, MAX_CLIENTS, PLACE, PLACE_PER_PRODUCT, UPSTREAMS } from './bench.ts';
import {
  describeMachine,
  finish,
  medianOf,
  number,
  ratioOf,
  type Result,
  rowsOfResults,
} from './support/report.ts';
import { leaveNothing } from './support/scene.ts';

const HELP = `Measures the service, each figure beside a yardstick from the same minutes.

Usage: npm run bench [-- options]

  --rounds <n>      rounds; each measures everything once (default: 5)
  --seconds <n>     of each measurement (default: 3)
  --clients <list>  client counts; everything is measured with each (default: 1,8,64,256)
  --previous <ref>  measure an earlier commit as well, in the same rounds
  --json <file>     write all figures there
  --help            show this text

Starts PostgreSQL, stand-ins for the other services and the built service, all on this machine, and removes them
afterwards. The yardsticks: pgbench with the same two transactions an order, and a bare route of the same framework.

All of it takes a quarter of an hour. With --clients 64 it is a third of that.
`;

const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;
const DEFAULT_SECONDS = 3;
const MAX_SECONDS = 600;
const DEFAULT_CLIENTS = '1,8,64,256';

const TEXT = { type: 'string' } as const;

/** The client count whose ratios the report shows. */
const MANY = 64;
const ONE = 1;

/** The targets and the results. */
function targetsOf(results: readonly Result[]): string[] {
  const find = (name: string, clients: number): Result | undefined =>
    results.find((result) => result.name === name && result.clients === clients);
  const ratio = (name: string): number | undefined => {
    const result = find(name, MANY);
    return result && ratioOf(result);
  };
  const p50 = (name: string): number =>
    medianOf(find(name, ONE)?.samples ?? [], (sample) => sample.p50) ?? Number.NaN;
  return [
    `orders to pgbench, ${MANY} clients, reservations: ${number(ratio(PLACE), 2)} (least 0.6, goal 1.0)`,
    `orders to pgbench, ${MANY} clients, per product: ${number(ratio(PLACE_PER_PRODUCT), 2)} (least 0.25, goal 0.5)`,
    `get one order to the bare route, ${MANY} clients: ${number(ratio(GET), 2)} (least 0.7, goal 0.9)`,
    `p50 of placing at 1 client: ${number(p50(PLACE), 1)} ms, without the ${number(p50(UPSTREAMS), 1)} ms of its calls ` +
      `${number(p50(PLACE) - p50(UPSTREAMS), 1)} ms (least 3, goal 1.5); ` +
      `the same calls and rows without any checks: ${number(p50(BARE_PLACEMENT), 1)} ms`,
  ];
}

async function main(): Promise<void> {
  const options = {
    rounds: TEXT,
    seconds: TEXT,
    clients: TEXT,
    previous: TEXT,
    json: TEXT,
    help: { type: 'boolean' },
  } as const;
  const {
    rounds,
    seconds,
    clients = DEFAULT_CLIENTS,
    previous,
    json,
    help,
  } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const measures = {
    rounds: readWhole(rounds, 'rounds', DEFAULT_ROUNDS, MAX_ROUNDS),
    seconds: readWhole(seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS),
    clients: clients.split(',').map((count) => readWhole(count, 'clients', ONE, MAX_CLIENTS)),
    previous,
  };
  const { results, settings } = await Bench.run(measures, say);
  say('');
  for (const row of rowsOfResults(results)) say(row);
  say('');
  for (const line of targetsOf(results)) say(line);
  await finish(describeMachine(settings), { measures, results }, json);
}

await runCommand(main, leaveNothing);
