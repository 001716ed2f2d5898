import { runClients, type Work } from './load/clients.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { RARE_PRODUCT } from './load/order-rows.ts';
import { Works } from './load/works.ts';
import { countCpuOfSessions, readSettings, sizeOf, untilDrained, warmUp } from './support/database.ts';
import { cpuOf } from './support/processes.ts';
import { number } from './support/report.ts';
import { type Scene, type Service, withScene } from './support/scene.ts';

export interface GrowthOptions {
  /** Numbers of orders, the smallest first. */
  sizes: readonly number[];
  rounds: number;
  /** Of each measurement. */
  seconds: number;
  /** What the database server keeps in its memory, at most, in megabytes. */
  bufferMb: number;
}

export interface GrowthSample {
  /** Of the service and of its sessions at the database together, for one request with all that it caused. */
  cpuMs: number;
  /** Milliseconds. */
  p50: number;
  perSecond: number;
}

export interface GrowthResult {
  name: string;
  /** By round and, within it, by size. */
  samples: GrowthSample[][];
}

export interface GrowthMeasured {
  results: GrowthResult[];
  /** Of the database server. */
  settings: Record<string, string>;
}

/** Enough that the processors are busy, and few enough that times say something. */
const CLIENTS = 8;

const RESERVATIONS = { INVENTORY_API: 'reservations' };

/** Interval of the progress lines, in orders. */
const TOLD_EVERY = 500_000;

/** A database of one size, and the service on it. */
interface Subject {
  service: Service;
  works: Works;
  orders: LoadedOrders;
}

/** What is measured at each size. */
function kindsOf({ works, orders }: Subject): Record<string, () => Work> {
  return {
    place: () => works.place(),
    'replay of a key': () => works.replay(),
    'get one order': () => works.get(),
    "a customer's list": () => works.listOfCustomer(),
    'list, first page': () => works.list(),
    'list, page 1000': () => works.farPage(),
    'list of a common status': () => works.filtered(() => 'status=delivered'),
    'list of a rare status': () => works.filtered(() => 'status=returned'),
    'list of an e-mail address': () =>
      works.filtered((n) => `customer_email=${orders.customer(n)}@example.com`),
    'list of a common product': () => works.filtered((n) => `product_id=P${n % 100}`),
    'list of a rare product': () => works.filtered(() => `product_id=${RARE_PRODUCT}`),
    'list of a day': () => works.filtered((n) => `placed_to=${new Date(orders.placedAt(n)).toISOString()}`),
    'list of a status and a product': () =>
      works.filtered((n) => `status=returned&product_id=P${(n % 2) * 100}`),
    'search for an e-mail address': () => works.filtered((n) => `q=${orders.customer(n)}@example.com`),
    'search for a customer': () => works.filtered((n) => `q=${orders.customer(n)}`),
    'search for a product': () => works.filtered((n) => `q=P${n % 100}`),
    'search for an order': () => works.filtered((n) => `q=${orders.id(n % orders.count).slice(0, 8)}`),
    'search for a part of an e-mail address': () => works.filtered((n) => `q=${orders.customer(n)}@ex`),
    'search for a part of an order id': () =>
      works.filtered((n) => `q=${orders.id(n % orders.count).slice(-10)}`),
    'search for a part that all have': () => works.filtered(() => 'q=ample.com'),
    'search for a part that none has': () => works.filtered((n) => `q=nowhere${n}`),
    'list of a total that none has': () => works.filtered(() => 'total_min=31'),
    'list of several statuses': () => works.filtered(() => 'status=returned,cancelled'),
  };
}

/** Measures the same at every size in turn, round by round. */
export function measureGrowth(options: GrowthOptions, say: (line: string) => void): Promise<GrowthMeasured> {
  const work = async (scene: Scene): Promise<GrowthMeasured> => {
    const subjects: Subject[] = [];
    for (const size of options.sizes) subjects.push(await load(scene, size, say));
    const [first] = subjects;
    if (!first) throw new Error('there are no sizes to be measured');
    say('reading all of it into the memory of the database server');
    for (const { service } of subjects) await warmUp(service.databaseUrl);
    const results = new Map<string, GrowthResult>();
    // The first round warms up, and does not count.
    for (let round = 0; round <= options.rounds; round += 1) {
      say(round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`);
      for (const name of Object.keys(kindsOf(first))) {
        const samples: GrowthSample[] = [];
        // Now from the smallest, now from the largest, so that no size always comes after the same one.
        for (const at of round % 2 === 0 ? subjects.keys() : [...subjects.keys()].toReversed()) {
          const subject = subjects[at];
          if (subject) samples[at] = await measure(subject, name, options.seconds);
        }
        say(`  ${name}: ${samples.map(({ cpuMs }) => number(cpuMs, 2)).join(', ')} ms of CPU`);
        if (round === 0) continue;
        const result = results.get(name) ?? { name, samples: [] };
        result.samples.push(samples);
        results.set(name, result);
      }
    }
    const settings = await readSettings(first.service.databaseUrl);
    return { results: [...results.values()], settings };
  };
  return withScene(work, { shared_buffers: `${options.bufferMb}MB` });
}

async function load(scene: Scene, count: number, say: (line: string) => void): Promise<Subject> {
  const databaseUrl = await scene.createTables(`orders_${count}`);
  const startedAt = performance.now();
  const seconds = (): string => `${number((performance.now() - startedAt) / 1_000)} s`;
  const orders = await LoadedOrders.load(databaseUrl, scene.folder, {
    count,
    progress: (loaded) => {
      if (loaded % TOLD_EVERY === 0 || loaded === count) say(`  ${loaded} of ${count} orders, ${seconds()}`);
    },
  });
  say(`loaded ${count} orders in ${seconds()}: ${number(await sizeOf(databaseUrl))} MB`);
  const service = await scene.startService(databaseUrl, RESERVATIONS);
  return { service, works: new Works(orders), orders };
}

async function measure(subject: Subject, name: string, seconds: number): Promise<GrowthSample> {
  const { service } = subject;
  const work = kindsOf(subject)[name]?.();
  if (!work) throw new Error(`nothing is known of ${name}`);
  const usedBySessions = await countCpuOfSessions(service.databaseUrl);
  const before = (await cpuOf(service.pid)) ?? Number.NaN;
  const { requests, p50, perSecond } = await runClients(service.url, work, CLIENTS, seconds);
  await untilDrained(service.databaseUrl);
  const used = ((await cpuOf(service.pid)) ?? Number.NaN) - before + (await usedBySessions());
  return { cpuMs: used / requests, p50, perSecond };
}
