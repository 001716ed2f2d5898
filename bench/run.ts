import { writeFile } from 'node:fs/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { Bench } from './bench.ts';
import { killAll } from './processes.ts';
import { toRows } from './report.ts';

const HELP = `Measures the service, each figure beside a yardstick from the same minutes.

Usage: npm run bench [-- options]

  --rounds <n>      rounds, in each of which everything is measured once (default: 5)
  --seconds <n>     of each measurement (default: 3)
  --previous <ref>  measure an earlier commit as well, in the same rounds
  --json <file>     write all figures there
  --help            show this text

Starts PostgreSQL, stand-ins for the other services and the built service, all on this machine, and removes them
afterwards. The yardsticks: pgbench with the same two transactions an order, and a bare route of the same framework.
`;

const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;
const DEFAULT_SECONDS = 3;
const MAX_SECONDS = 600;

const TEXT = { type: 'string' } as const;

async function main(): Promise<void> {
  const options = {
    rounds: TEXT,
    seconds: TEXT,
    previous: TEXT,
    json: TEXT,
    help: { type: 'boolean' },
  } as const;
  const { rounds, seconds, previous, json, help } = parseOptions(process.argv.slice(2), options);
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const measures = {
    rounds: readWhole(rounds, 'rounds', DEFAULT_ROUNDS, MAX_ROUNDS),
    seconds: readWhole(seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS),
    previous,
  };
  const results = await Bench.run(measures, say);
  say('');
  for (const row of toRows(results)) say(row);
  if (json !== undefined) await writeFile(json, JSON.stringify(results, null, 2));
}

await runCommand(main, killAll);
