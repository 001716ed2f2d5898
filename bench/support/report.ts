import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { say } from '../../test/support/command-line.ts';
import { median, type Measured } from '../load/clients.ts';

/** One measurement of one round. */
export interface Sample extends Measured {
  /** Processor time of the service for one request with all that it caused, in milliseconds. */
  cpuMs: number | undefined;
  /** The same of the sessions of its database. */
  databaseMs: number | undefined;
  /** How long after the last answer the last job was done, in milliseconds. */
  drainMs: number | undefined;
  /** What the yardstick did a second in the same round; undefined where there is none. */
  yardstick: number | undefined;
}

export interface Result {
  name: string;
  clients: number;
  yardstickName: string | undefined;
  samples: Sample[];
}

const HEADS = [
  '',
  'clients',
  '/s',
  'least to most',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'refused/s',
  'CPU ms',
  'database ms',
  'drained ms',
  'yardstick',
  '/s',
  'ratio',
];

/** A number for people; `-` where there is none. */
export function number(value: number | undefined, digits = 0): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);
}

/** The median of what the samples have of something; undefined where none has it. */
export function medianOf<Sampled>(
  samples: readonly Sampled[],
  read: (sample: Sampled) => number | undefined,
): number | undefined {
  const values = samples.map(read).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

/** How much the second number rises for each one of the first, by the straight line that fits best. */
export function slopeOf(points: readonly (readonly [at: number, value: number])[]): number {
  const mean = (read: 0 | 1): number => points.reduce((sum, point) => sum + point[read], 0) / points.length;
  const [meanAt, meanValue] = [mean(0), mean(1)];
  const above = points.reduce((sum, [at, value]) => sum + (at - meanAt) * (value - meanValue), 0);
  return above / points.reduce((sum, [at]) => sum + (at - meanAt) ** 2, 0);
}

/** Both were measured one after the other, so that what disturbs one mostly disturbs the other. */
export function ratioOf({ samples }: Result): number | undefined {
  return medianOf(samples, (sample) => sample.yardstick && sample.perSecond / sample.yardstick);
}

function cellsOf(result: Result): string[] {
  const { name, clients, yardstickName, samples } = result;
  const rates = samples.map((sample) => sample.perSecond);
  return [
    name,
    String(clients),
    number(median(rates)),
    `${number(Math.min(...rates))} - ${number(Math.max(...rates))}`,
    ...(['p50', 'p95', 'p99'] as const).map((key) =>
      number(
        medianOf(samples, (sample) => sample[key]),
        1,
      ),
    ),
    number(medianOf(samples, (sample) => sample.refusedPerSecond)),
    number(
      medianOf(samples, (sample) => sample.cpuMs),
      2,
    ),
    number(
      medianOf(samples, (sample) => sample.databaseMs),
      2,
    ),
    number(medianOf(samples, (sample) => sample.drainMs)),
    yardstickName ?? '-',
    number(medianOf(samples, (sample) => sample.yardstick)),
    number(ratioOf(result), 2),
  ];
}

/** The medians of all rounds. */
export function rowsOfResults(results: readonly Result[]): string[] {
  return toTable([HEADS, ...results.map(cellsOf)]);
}

/** @param cells of the heads first, then of each row */
export function toTable(cells: readonly string[][]): string[] {
  const [heads = []] = cells;
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  return [lines[0] ?? '', `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.slice(1)];
}

/** What figures depend on besides the code. @param settings of the database server */
export function describeMachine(settings: Record<string, string>): Record<string, string> {
  const [processor] = cpus();
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  return {
    at: new Date().toISOString(),
    commit,
    processors: `${cpus().length} x ${processor?.model ?? 'unknown'}`,
    memory: `${number(totalmem() / 1_024 ** 3)} GB`,
    node: process.version,
    ...settings,
  };
}

/** Ends a measurement: prints its environment, and writes all figures to a file on request. */
export async function finish(
  machine: Record<string, string>,
  figures: object,
  file: string | undefined,
): Promise<void> {
  say('');
  for (const [name, value] of Object.entries(machine)) say(`${name}: ${value}`);
  if (file !== undefined) await writeFile(file, `${JSON.stringify({ machine, ...figures }, null, 2)}\n`);
}
