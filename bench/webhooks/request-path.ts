import { Client } from 'pg';
import { say } from '../../test/support/command-line.ts';
import { median, runClients } from '../load/clients.ts';
import { Load, type Outcome } from '../load/load.ts';
import { LoadedOrders } from '../load/loaded-orders.ts';
import { Works } from '../load/works.ts';
import { countCpuOfSessions, untilDrained } from '../support/database.ts';
import { cpuOf } from '../support/processes.ts';
import { number } from '../support/report.ts';
import type { Scene, Service } from '../support/scene.ts';
import { countUndelivered, insertEndpoints, Receiver } from './endpoints.ts';

const WARM_UP_SECONDS = 3;
const SETTLE_TIMEOUT_MS = 120_000;

/** Few enough that all deliveries of many endpoints keep up with them. */
const ORDERS_A_SECOND = 2;

const SETTINGS = { INVENTORY_API: 'reservations', MAX_PLACEMENTS: '512' };

export interface RequestPathOptions {
  endpoints: number;
  clients: number;
  seconds: number;
  rounds: number;
}

/** What an order costs, in milliseconds of processor time. */
interface Cost {
  service: number;
  database: number;
  perSecond: number;
}

interface Round {
  none: Cost;
  /** With endpoints whose events are queued later: what the request path and the feed cost. */
  held: Cost;
}

export interface RequestPath {
  endpoints: number;
  rounds: Round[];
  /** Few orders, without endpoints and with all of their deliveries. */
  quiet: Outcome;
  delivering: Outcome;
}

/** Places orders with and without endpoints, in turn, in two services side by side. */
export async function measureRequestPath(scene: Scene, options: RequestPathOptions): Promise<RequestPath> {
  const { endpoints, clients, seconds } = options;
  const receiver = await Receiver.down(scene);
  await receiver.start();
  const start = async (name: string): Promise<Service> =>
    scene.startService(await scene.createTables(name), SETTINGS);
  const none = await start('without_endpoints');
  const subscribed = await start('with_endpoints');
  await insertEndpoints(subscribed.databaseUrl, receiver.url, endpoints);
  const works = new Works(LoadedOrders.none());
  const rounds: Round[] = [];
  await withQueueingHeld(subscribed, async () => {
    for (const service of [none, subscribed]) {
      await runClients(service.url, works.place(false), clients, WARM_UP_SECONDS);
      await untilDrained(service.databaseUrl);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      const isBackwards = round % 2 === 1;
      const first = await measureCost(isBackwards ? subscribed : none, works, clients, seconds);
      const second = await measureCost(isBackwards ? none : subscribed, works, clients, seconds);
      const costs = isBackwards ? { none: second, held: first } : { none: first, held: second };
      rounds.push(costs);
      say(`  without endpoints ${describeCost(costs.none)}; with ${endpoints} ${describeCost(costs.held)}`);
    }
  });
  const quiet = await placeFew(none, seconds);
  const delivering = await placeFew(subscribed, seconds);
  for (const service of [none, subscribed]) await service.stop();
  return { endpoints, rounds, quiet, delivering };
}

/**
 * Locks the rows of all endpoints, as an instance does that queues their events: the service, which skips locked rows, queues
 * none. Afterwards the endpoints continue at the end of the feed.
 */
async function withQueueingHeld({ databaseUrl }: Service, work: () => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM webhook_endpoints FOR UPDATE');
    await work();
    const { queued, unread } = await countUndelivered(databaseUrl);
    if (queued > 0 || unread === 0)
      throw new Error(`${queued} deliveries were queued, ${unread} events unread`);
    await client.query('UPDATE webhook_endpoints SET read_until = (SELECT last_no FROM event_feed)');
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function measureCost(service: Service, works: Works, clients: number, seconds: number): Promise<Cost> {
  const usedBySessions = await countCpuOfSessions(service.databaseUrl);
  const before = (await cpuOf(service.pid)) ?? Number.NaN;
  const { requests, perSecond } = await runClients(service.url, works.place(false), clients, seconds);
  await untilDrained(service.databaseUrl);
  const after = (await cpuOf(service.pid)) ?? Number.NaN;
  return {
    service: (after - before) / requests,
    database: (await usedBySessions()) / requests,
    perSecond,
  };
}

async function placeFew({ url, databaseUrl }: Service, seconds: number): Promise<Outcome> {
  const load = new Load(url, new Works(LoadedOrders.none()).place(false));
  const outcome = await load.openLoop(ORDERS_A_SECOND, seconds);
  load.close();
  await untilDrained(databaseUrl, SETTLE_TIMEOUT_MS);
  return outcome;
}

function describeCost({ service, database, perSecond }: Cost): string {
  return `${number(service, 2)} + ${number(database, 2)} ms at ${number(perSecond)} orders a second`;
}

function totalOf({ service, database }: Cost): number {
  return service + database;
}

export function describeRequestPath({ endpoints, rounds, quiet, delivering }: RequestPath): string[] {
  const mid = (read: (round: Round) => number): string => number(median(rounds.map(read)), 2);
  const ratios = rounds.map(({ none, held }) => totalOf(held) / totalOf(none));
  const without = `${mid(({ none }) => none.service)} + ${mid(({ none }) => none.database)}`;
  const beside = `${mid(({ held }) => held.service)} + ${mid(({ held }) => held.database)}`;
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => number(ratio, 2));
  const [p50, p50Quiet] = [delivering, quiet].map((outcome) => number(outcome.p50, 1));
  return [
    `CPU of an order, service + database: ${without} ms without endpoints, ${beside} ms with ${endpoints} ` +
      `(median of the ratios ${number(median(ratios), 2)}, from ${least} to ${most}; target: 1)`,
    `${ORDERS_A_SECOND} orders a second with all deliveries to ${endpoints} endpoints: p50 ${p50} ms, without endpoints ${p50Quiet} ms`,
  ];
}
