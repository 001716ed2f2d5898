import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { readSettings } from './support/database.ts';
import { cpuOf, memoryOf } from './support/processes.ts';
import { describeMachine, finish, number, slopeOf, toTable } from './support/report.ts';
import { leaveNothing, type Service, withScene } from './support/scene.ts';

const HELP = `Measures how much memory the service needs to export all orders.

Usage: npm run bench:export [-- options]

  --orders <n>    in the database (default: 1000000)
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL and the built service, loads the orders by COPY, exports them as NDJSON and as CSV, and then to a client
that stops reading for a while. Removes all of it afterwards.
`;

const DEFAULT_ORDERS = 1_000_000;
const MIN_ORDERS = 10_000;
const MAX_ORDERS = 100_000_000;

const FORMATS = ['ndjson', 'csv'] as const;
type Format = (typeof FORMATS)[number];

/** Lines of the file by what the orders are like that are loaded: two lines each, and the names of the columns. */
const LINES_OF: Record<Format, (orders: number) => number> = {
  ndjson: (orders) => orders + 1,
  csv: (orders) => 2 * orders + 2,
};

const SAMPLED_EVERY_MS = 100;

/** For a service that pays no heed to who reads it, enough to take all orders into memory. */
const PAUSE_MS = 20_000;

/** The report gives the slope for this many orders. */
const MANY_ORDERS = 100_000;

interface Point {
  orders: number;
  /** Megabytes. */
  memory: number;
}

interface Exported {
  name: string;
  seconds: number;
  megabytes: number;
  /** Of the service, for all of the export. */
  cpuSeconds: number;
  /** Before the first point, no order has come. */
  points: Point[];
}

const memoryNow = async ({ pid }: Service): Promise<number> => (await memoryOf(pid))?.now ?? Number.NaN;

async function openExport({ url }: Service, format: Format): Promise<IncomingMessage> {
  const request = get(new URL(`/orders/export?format=${format}`, url));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the export was answered with ${response.statusCode}`);
  return response;
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/** Samples the memory of the service until stopped. */
function watchMemory(
  service: Service,
  ordersSoFar: () => number,
): { points: Point[]; stop: () => Promise<void> } {
  const points: Point[] = [];
  const done = new AbortController();
  const note = async (): Promise<void> => {
    points.push({ orders: ordersSoFar(), memory: await memoryNow(service) });
  };
  const watching = (async () => {
    while (!done.signal.aborted) {
      await note();
      await sleep(SAMPLED_EVERY_MS, undefined, { signal: done.signal }).catch(() => undefined);
    }
    await note();
  })();
  return { points, stop: () => (done.abort(), watching) };
}

/** Reads a whole export. @throws when it is not all orders */
async function measureExport(service: Service, format: Format, orders: number): Promise<Exported> {
  let [lines, bytes] = [0, 0];
  const expected = LINES_OF[format](orders);
  const cpuBefore = (await cpuOf(service.pid)) ?? Number.NaN;
  const { points, stop } = watchMemory(service, () => Math.floor((lines / expected) * orders));
  const begunAt = performance.now();
  for await (const chunk of (await openExport(service, format)) as AsyncIterable<Buffer>) {
    lines += countLines(chunk);
    bytes += chunk.length;
  }
  const seconds = (performance.now() - begunAt) / 1_000;
  await stop();
  if (lines !== expected) throw new Error(`${lines} lines came instead of ${expected}`);
  const cpuSeconds = (((await cpuOf(service.pid)) ?? Number.NaN) - cpuBefore) / 1_000;
  return { name: format, seconds, megabytes: bytes / 1_048_576, cpuSeconds, points };
}

/** Begins to read an export, reads nothing for a while, and goes away. */
async function measurePause(service: Service): Promise<Point[]> {
  const response = await openExport(service, 'ndjson');
  await once(response, 'readable');
  const { points, stop } = watchMemory(service, () => 0);
  await sleep(PAUSE_MS);
  await stop();
  response.destroy();
  return points;
}

function rowOf({ name, seconds, megabytes, cpuSeconds, points }: Exported): string[] {
  const memories = points.map(({ memory }) => memory);
  const half = points.slice(Math.floor(points.length / 2));
  const slope = slopeOf(half.map((point) => [point.orders / MANY_ORDERS, point.memory]));
  const tenth = points.find(({ orders }) => orders >= (points.at(-1)?.orders ?? 0) / 10);
  return [
    name,
    ...[seconds, megabytes].map((value) => number(value)),
    number(cpuSeconds, 1),
    ...[memories[0], tenth?.memory, Math.max(...memories), memories.at(-1)].map((value) => number(value)),
    number(slope, 2),
  ];
}

const HEADS = [
  '',
  's',
  'MB of file',
  'CPU s',
  'MB before',
  'at a tenth',
  'at most',
  'at the end',
  'MB per 100000 in the second half',
];

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { orders: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const count = readWhole(given.orders, 'orders', DEFAULT_ORDERS, MAX_ORDERS, MIN_ORDERS);
  await withScene(async (scene) => {
    const databaseUrl = await scene.createTables('exports');
    say(`loading ${count} orders`);
    await LoadedOrders.load(databaseUrl, scene.folder, { count });
    const service = await scene.startService(databaseUrl);
    const results: Exported[] = [];
    for (const format of FORMATS) {
      say(`exporting them as ${format}`);
      results.push(await measureExport(service, format, count));
    }
    say('exporting them to a client that stops reading');
    const pause = await measurePause(service);
    say('');
    for (const row of toTable([HEADS, ...results.map(rowOf)])) say(row);
    say('');
    const memories = pause.map(({ memory }) => memory);
    say(
      `with a client that stopped reading: ${number(memories[0])} MB, at most ${number(Math.max(...memories))} MB`,
    );
    await finish(describeMachine(await readSettings(databaseUrl)), { count, results, pause }, json);
  });
}

await runCommand(main, leaveNothing);
