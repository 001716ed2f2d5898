import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { median } from './load/clients.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { readSettings, warmUp, withClient } from './support/database.ts';
import { describeMachine, finish, number, toTable } from './support/report.ts';
import { DIST, leaveNothing, type Scene, type Service, withScene } from './support/scene.ts';

const HELP = `Measures a page of the feed of events at its start and at its end, and the delay of the stream.

Usage: npm run bench:events [-- options]

  --events <n>    in the feed, about (default: 1000000)
  --rounds <n>    how often each page is read (default: 200)
  --dist <path>   a built service to measure the delay of, without the pages
  --json <file>   write all figures there
  --help          show this text

Starts PostgreSQL, the stand-ins and the built service, all on this machine, and removes them afterwards. The yardstick is
the page at the start of the feed, read in turn with the page at the end.
`;

const DEFAULT_EVENTS = 1_000_000;
const MIN_EVENTS = 10_000;
const MAX_EVENTS = 100_000_000;
const DEFAULT_ROUNDS = 200;
const MAX_ROUNDS = 100_000;

/** Loaded orders have three to four events, most of them four. */
const EVENTS_OF_ORDER = 4;
const PAGE = 100;

const DELAYS = 50;
/** The pauses between two orders grow by this, so that the orders come at all times between two polls. */
const PAUSE_MS = 300;
const STEP_MS = 11;

const BODY = JSON.stringify({
  customer_name: 'Bench',
  customer_email: 'bench@example.com',
  items: [{ product_id: 'P1', quantity: 1 }],
});

async function timePage({ url }: Service, after: number): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${url.origin}/events?include=none&limit=${PAGE}&after=${after}`);
  const { events } = (await response.json()) as { events: unknown[] };
  const ms = performance.now() - startedAt;
  if (events.length !== PAGE) throw new Error(`${events.length} events instead of ${PAGE} after ${after}`);
  return ms;
}

/** Reads both pages in turn, so that what disturbs one mostly disturbs the other. */
async function measurePages(
  service: Service,
  rounds: number,
  last: number,
): Promise<[start: number, end: number]> {
  const end = await withClient(service.databaseUrl, async (client) => {
    const { rows } = await client.query<{ after: string }>(
      'SELECT feed_no AS after FROM order_events WHERE feed_no > $1 ORDER BY feed_no DESC OFFSET $2 LIMIT 1',
      [0, PAGE],
    );
    return Number(rows[0]?.after ?? last);
  });
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    times[0].push(await timePage(service, 0));
    times[1].push(await timePage(service, end));
  }
  return [median(times[0]), median(times[1])];
}

/** Milliseconds from the response to an order until the stream has its confirmation. */
async function measureDelays({ url }: Service): Promise<number[]> {
  const seen = new Map<string, number>();
  const stream = get(`${url.origin}/orders/stream`, { agent: false }, (response) => {
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      for (const [, id = ''] of text.matchAll(/"order_id":"([0-9a-f-]+)","version":2/g))
        seen.set(id, performance.now());
    });
  });
  stream.on('error', () => undefined);
  await sleep(1_000);
  const delays: number[] = [];
  while (delays.length < DELAYS) {
    const response = await fetch(`${url.origin}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    const answeredAt = performance.now();
    const { order_id: id } = (await response.json()) as { order_id: string };
    if (response.status !== 201) throw new Error(`an order was answered with ${response.status}`);
    while (!seen.has(id)) await sleep(1);
    delays.push((seen.get(id) ?? 0) - answeredAt);
    await sleep(PAUSE_MS + delays.length * STEP_MS);
  }
  stream.destroy();
  return delays;
}

async function measureStream(scene: Scene, dist: string): Promise<number[]> {
  const databaseUrl = await scene.createDatabase('stream');
  const service = await scene.startService(databaseUrl, { INVENTORY_API: 'reservations' }, dist);
  const delays = await measureDelays(service);
  await service.stop();
  say(
    `delay of the stream after a commit: median ${number(median(delays))} ms, at most ${number(Math.max(...delays))} ms`,
  );
  return delays;
}

async function measureFeed(scene: Scene, events: number, rounds: number) {
  const databaseUrl = await scene.createTables('feed');
  const count = Math.ceil(events / EVENTS_OF_ORDER);
  say(`loading ${count} orders`);
  await LoadedOrders.load(databaseUrl, scene.folder, { count });
  await warmUp(databaseUrl);
  const service = await scene.startService(databaseUrl);
  await measurePages(service, rounds, events);
  const [start, end] = await measurePages(service, rounds, events);
  await service.stop();
  for (const row of toTable([
    [`page of ${PAGE} events`, 'median ms', 'ratio'],
    ['at the start', number(start, 2), '1.00'],
    ['at the end', number(end, 2), number(end / start, 2)],
  ]))
    say(row);
  return { start, end, ratio: end / start, machine: describeMachine(await readSettings(databaseUrl)) };
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { events: text, rounds: text, dist: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, dist, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const events = readWhole(given.events, 'events', DEFAULT_EVENTS, MAX_EVENTS, MIN_EVENTS);
  const rounds = readWhole(given.rounds, 'rounds', DEFAULT_ROUNDS, MAX_ROUNDS);
  await withScene(async (scene) => {
    const delays = await measureStream(scene, dist ?? DIST);
    if (dist !== undefined) return;
    const { machine, ...pages } = await measureFeed(scene, events, rounds);
    await finish(machine, { events, pages, delays }, json);
  });
}

await runCommand(main, leaveNothing);
