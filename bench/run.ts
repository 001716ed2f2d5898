import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Bench, type BenchOptions } from './bench.ts';
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

const EXIT_WRONG_ARGUMENTS = 2;
const MAX_ROUNDS = 100;
const MAX_SECONDS = 600;

function refuse(message: string): never {
  process.stderr.write(`${message}\nSee npm run bench -- --help.\n`);
  process.exit(EXIT_WRONG_ARGUMENTS);
}

function readNumber(text: string | undefined, name: string, otherwise: number, max: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) refuse(`--${name} must be from 1 to ${max}`);
  return value;
}

function readOptions(): (BenchOptions & { json: string | undefined }) | undefined {
  const text = { type: 'string' } as const;
  const options = {
    rounds: text,
    seconds: text,
    previous: text,
    json: text,
    help: { type: 'boolean' },
  } as const;
  try {
    const { values } = parseArgs({ options });
    if (values.help) return undefined;
    return {
      rounds: readNumber(values.rounds, 'rounds', 5, MAX_ROUNDS),
      seconds: readNumber(values.seconds, 'seconds', 3, MAX_SECONDS),
      previous: values.previous,
      json: values.json,
    };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const options = readOptions();
if (!options) {
  process.stdout.write(HELP);
} else {
  const results = await Bench.run(options, say);
  say('');
  for (const row of toRows(results)) say(row);
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify(results, null, 2));
}
