import { median, type Measured } from './clients.ts';

/** One measurement of one round. */
export interface Sample extends Measured {
  /** Processor time of the service for one request with all that it caused, in milliseconds. */
  cpuMs: number | undefined;
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
  'CPU ms',
  'yardstick',
  '/s',
  'ratio',
];

function of(samples: readonly Sample[], read: (sample: Sample) => number | undefined): number | undefined {
  const values = samples.map(read).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

function text(value: number | undefined, digits: number): string {
  return value === undefined ? '-' : value.toFixed(digits);
}

function cellsOf({ name, clients, yardstickName, samples }: Result): string[] {
  const rates = samples.map((sample) => sample.perSecond);
  return [
    name,
    String(clients),
    text(median(rates), 0),
    `${text(Math.min(...rates), 0)} - ${text(Math.max(...rates), 0)}`,
    text(
      of(samples, (sample) => sample.p50),
      1,
    ),
    text(
      of(samples, (sample) => sample.p95),
      1,
    ),
    text(
      of(samples, (sample) => sample.p99),
      1,
    ),
    text(
      of(samples, (sample) => sample.cpuMs),
      2,
    ),
    yardstickName ?? '-',
    text(
      of(samples, (sample) => sample.yardstick),
      0,
    ),
    // Both were measured one after the other, so that what disturbs one mostly disturbs the other.
    text(
      of(samples, (sample) => sample.yardstick && sample.perSecond / sample.yardstick),
      2,
    ),
  ];
}

/** A table with the medians of all rounds. */
export function toRows(results: readonly Result[]): string[] {
  const table = [HEADS, ...results.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map(
    (cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  );
  return [lines[0] ?? '', `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.slice(1)];
}
