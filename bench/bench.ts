import { measureUpstreams, startBarePlacement, startBareRoute } from './yardsticks/bare.ts';
import { buildCommit } from './support/build.ts';
import { type Measured, runClients, type Work } from './load/clients.ts';
import { countCpuOfSessions, readSettings, untilDrained } from './support/database.ts';
import { LoadedOrders } from './load/loaded-orders.ts';
import { Pgbench } from './yardsticks/pgbench.ts';
import { cpuOf } from './support/processes.ts';
import { number, type Result, type Sample } from './support/report.ts';
import { type Scene, type Service, withScene } from './support/scene.ts';
import { Works } from './load/works.ts';

export interface BenchOptions {
  rounds: number;
  /** Client counts; each work is measured once with each. */
  clients: readonly number[];
  /** Of each measurement. */
  seconds: number;
  /** An earlier commit to measure as well. */
  previous: string | undefined;
}

export interface BenchResults {
  results: Result[];
  /** Of the database server that was measured. */
  settings: Record<string, string>;
}

/** The service refuses more; see ROOM. */
export const MAX_CLIENTS = 256;

/** With which yardsticks that need no more than one measurement are measured. */
const MANY = 64;

/**
 * As many requests may be under way as the most clients have, so that none is refused for that: orders as they are
 * counted, and ten reads for each connection.
 */
const ROOM = { MAX_PLACEMENTS: '512', DATABASE_POOL_SIZE: '26' };

/** Long enough that code is compiled and connections are open. */
const WARM_UP_SECONDS = 3;

/** Enough for a far page of the list, and for changes; every database has them, that of pgbench too. */
const LOADED_ORDERS = { count: 100_000, confirmed: 40_000 };

const RESERVATIONS = { ...ROOM, INVENTORY_API: 'reservations' };

/** Names of what targets are set for. */
export const PLACE = 'place, reservations';
export const PLACE_PER_PRODUCT = 'place, per product';
export const PLACE_REMEMBERING = 'place, reservations, products remembered';
/** What the texts that orders are found by cost an order. */
const PLACE_WITHOUT_SEARCH = 'place, reservations, no search for parts';
export const GET = 'get one order';
export const UPSTREAMS = 'the calls of an order alone';
export const BARE_PLACEMENT = 'the same calls and rows, bare';

const NOT_MEASURED = { cpuMs: undefined, databaseMs: undefined, drainMs: undefined, yardstick: undefined };

/** One service under measurement, with what has been ordered at it. */
interface Subject {
  name: string;
  service: Service;
  works: Works;
}

interface Yardsticks {
  pgbench: Pgbench;
  bareUrl: URL;
  barePlacement: { url: URL; works: Works };
}

/** Measures everything in turn, round by round, so that a disturbance meets the figures and their yardsticks alike. */
export class Bench {
  private readonly results = new Map<string, Result>();
  private readonly options: BenchOptions;
  private readonly say: (line: string) => void;
  private readonly scene: Scene;
  private readonly yardsticks: Yardsticks;

  private constructor(
    options: BenchOptions,
    say: (line: string) => void,
    scene: Scene,
    yardsticks: Yardsticks,
  ) {
    this.options = options;
    this.say = say;
    this.scene = scene;
    this.yardsticks = yardsticks;
  }

  static run(options: BenchOptions, say: (line: string) => void): Promise<BenchResults> {
    return withScene(async (scene) => {
      say(`loading ${LOADED_ORDERS.count} orders into each database`);
      const subjects = await startSubjects(scene, options, say);
      const [first] = subjects as [Subject, ...Subject[]];
      const { databaseUrl } = await createLoaded(scene, 'yardstick');
      const pgbench = await Pgbench.prepare(databaseUrl, scene.folder);
      const bareUrl = await startBareRoute(scene, first.service.databaseUrl);
      const barePlacement = {
        url: await startBarePlacement(scene, databaseUrl),
        works: new Works(LoadedOrders.none()),
      };
      const bench = new Bench(options, say, scene, { pgbench, bareUrl, barePlacement });
      await bench.measureAll(subjects);
      return { results: [...bench.results.values()], settings: await readSettings(databaseUrl) };
    });
  }

  private async measureAll(subjects: readonly Subject[]): Promise<void> {
    this.say('warming up');
    for (const { service, works } of subjects) {
      await runClients(service.url, works.place(), MANY, WARM_UP_SECONDS);
      await untilDrained(service.databaseUrl);
    }
    const { url, works: orders } = this.yardsticks.barePlacement;
    await runClients(url, orders.place(false), MANY, WARM_UP_SECONDS);
    for (let round = 1; round <= this.options.rounds; round += 1) {
      this.say(`round ${round} of ${this.options.rounds}`);
      for (const clients of this.options.clients)
        await this.measurePlacing(subjects, clients, round % 2 === 0);
      const [first] = subjects;
      if (!first) continue;
      await this.measureAlone(first);
      for (const clients of this.options.clients) await this.measureOthers(first, clients);
    }
  }

  /** @param isBackwards reverses the order, because the first after pgbench finds a busy disk */
  private async measurePlacing(
    subjects: readonly Subject[],
    clients: number,
    isBackwards: boolean,
  ): Promise<void> {
    const { pgbench } = this.yardsticks;
    const { seconds } = this.options;
    let yardstick = Number.NaN;
    const samples = new Map<string, Sample>();
    const turns = [
      async () => void (yardstick = await pgbench.measure(clients, seconds)),
      ...subjects.map(
        (subject) => async () => void samples.set(subject.name, await this.placeAndTell(subject, clients)),
      ),
    ];
    for (const turn of isBackwards ? turns.toReversed() : turns) await turn();
    for (const { name } of subjects) {
      const sample = samples.get(name);
      if (sample) this.keep(name, clients, 'pgbench', { ...sample, yardstick });
    }
  }

  /** Places orders, and checks that every notification was sent. */
  private async placeAndTell({ service, works }: Subject, clients: number): Promise<Sample> {
    const [told, placed] = [await this.scene.countTold(), works.placed];
    const sample = await this.measure(clients, service, works.place());
    const missing = works.placed - placed - ((await this.scene.countTold()) - told);
    if (missing > 0) throw new Error(`${missing} customers got no notification`);
    return sample;
  }

  /** What is no work of the service: the least that a route costs, and the calls to other services. */
  private async measureAlone({ works }: Subject): Promise<void> {
    const work = { next: () => ({ bytes: works.place().next().bytes }), expects: 201 };
    const bare = await runClients(this.yardsticks.bareUrl, work, MANY, this.options.seconds);
    this.keep('bare route, POST', MANY, undefined, bare);
    const calls = await measureUpstreams(this.scene.standInsUrl, this.options.seconds);
    this.keep(UPSTREAMS, 1, undefined, calls);
    const { url, works: orders } = this.yardsticks.barePlacement;
    const placed = await runClients(url, orders.place(false), 1, this.options.seconds);
    this.keep(BARE_PLACEMENT, 1, undefined, placed);
  }

  private async measureOthers({ service, works }: Subject, clients: number): Promise<void> {
    const get = works.get();
    const bare = await runClients(this.yardsticks.bareUrl, get, clients, this.options.seconds);
    const sample = await this.measure(clients, service, get);
    this.keep(GET, clients, 'bare route + query', { ...sample, yardstick: bare.perSecond });
    const others = {
      'replay of a key': works.replay(),
      "a customer's list": works.listOfCustomer(),
      'list, first page': works.list(),
      'list, page 1000': works.farPage(),
      'status update': works.setStatus(),
    };
    for (const [name, work] of Object.entries(others))
      this.keep(name, clients, undefined, await this.measure(clients, service, work));
  }

  private async measure(clients: number, service: Service, work: Work): Promise<Sample> {
    const usedBySessions = await countCpuOfSessions(service.databaseUrl);
    const before = await cpuOf(service.pid);
    const measured = await runClients(service.url, work, clients, this.options.seconds);
    const drainMs = await untilDrained(service.databaseUrl);
    const after = await cpuOf(service.pid);
    if (before === undefined || after === undefined) return { ...NOT_MEASURED, ...measured, drainMs };
    const cpuMs = (after - before) / measured.requests;
    const databaseMs = (await usedBySessions()) / measured.requests;
    return { ...NOT_MEASURED, ...measured, cpuMs, databaseMs, drainMs };
  }

  private keep(
    name: string,
    clients: number,
    yardstickName: string | undefined,
    measured: Measured & Partial<Sample>,
  ): void {
    const sample = { ...NOT_MEASURED, ...measured };
    const key = `${name} ${clients}`;
    const result = this.results.get(key) ?? { name, clients, yardstickName, samples: [] };
    result.samples.push(sample);
    this.results.set(key, result);
    const { perSecond, yardstick, cpuMs, databaseMs } = sample;
    const ratio = yardstick === undefined ? '' : `, ${number(perSecond / yardstick, 2)} of ${yardstickName}`;
    const cpu = cpuMs === undefined ? '' : `, ${number(cpuMs, 2)} + ${number(databaseMs, 2)} ms of CPU`;
    this.say(`  ${name}, ${clients} clients: ${number(perSecond)} a second${ratio}${cpu}`);
  }
}

/** A database with the tables of the service and orders in them. */
async function createLoaded(
  scene: Scene,
  name: string,
): Promise<{ databaseUrl: string; orders: LoadedOrders }> {
  const databaseUrl = await scene.createTables(name);
  const orders = await LoadedOrders.load(databaseUrl, scene.folder, LOADED_ORDERS);
  return { databaseUrl, orders };
}

async function startSubjects(
  scene: Scene,
  { previous }: BenchOptions,
  say: (line: string) => void,
): Promise<Subject[]> {
  const start = async (name: string, settings: Record<string, string>, dist?: string): Promise<Subject> => {
    const { databaseUrl, orders } = await createLoaded(scene, name.replaceAll(/\W/g, '_'));
    const service = await scene.startService(databaseUrl, settings, dist);
    return { name, service, works: new Works(orders) };
  };
  const subjects = [
    await start(PLACE, RESERVATIONS),
    await start(PLACE_PER_PRODUCT, ROOM),
    await start(PLACE_REMEMBERING, { ...RESERVATIONS, PRODUCT_MEMORY_MS: '1000' }),
    await start(PLACE_WITHOUT_SEARCH, { ...RESERVATIONS, SEARCH_FRAGMENTS: 'false' }),
  ];
  if (previous !== undefined) {
    say(`building ${previous}`);
    const dist = await buildCommit(previous, scene.folder);
    subjects.push(await start(`${PLACE}, ${previous}`, RESERVATIONS, dist));
  }
  return subjects;
}
