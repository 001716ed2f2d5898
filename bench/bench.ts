import { execFileSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runClients, type Work } from './clients.ts';
import { Pgbench } from './pgbench.ts';
import { freePort } from '../test/support/free-port.ts';
import { cpuOf, end, startNode, untilAnswers } from './processes.ts';
import type { Result, Sample } from './report.ts';
import { openScene, type Scene, type Service } from './scene.ts';
import { Works } from './works.ts';

export interface BenchOptions {
  rounds: number;
  /** Of each measurement. */
  seconds: number;
  /** An earlier commit to measure as well. */
  previous: string | undefined;
}

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

const CLIENTS = [1, 8, 64, 256];
/** With which everything else is compared. */
const MANY = 64;

/** More orders may be under way than the most clients have, so that nothing is refused for that. */
const MAX_PLACEMENTS = '512';

/** Long enough that code is compiled and connections are open. */
const WARM_UP_SECONDS = 3;

/** After this, what is still to be done has piled up, and the figures would lie. */
const DRAIN_TIMEOUT_MS = 60_000;
const DRAIN_CHECK_MS = 20;

/** The page of a list that is this far down; or as far as there are orders. */
const FAR_PAGE = 1_000;
const PAGE_SIZE = 50;

const RESERVATIONS = { MAX_PLACEMENTS, INVENTORY_API: 'reservations' };

/** One service under measurement, with what has been ordered at it. */
interface Subject {
  name: string;
  service: Service;
  works: Works;
}

/** Measures everything in turn, round by round, so that a disturbance meets the figures and their yardsticks alike. */
export class Bench {
  private readonly results = new Map<string, Result>();
  private readonly options: BenchOptions;
  private readonly say: (line: string) => void;
  private readonly scene: Scene;
  private readonly pgbench: Pgbench;
  private readonly bareUrl: URL;

  private constructor(
    options: BenchOptions,
    say: (line: string) => void,
    scene: Scene,
    pgbench: Pgbench,
    bareUrl: URL,
  ) {
    this.options = options;
    this.say = say;
    this.scene = scene;
    this.pgbench = pgbench;
    this.bareUrl = bareUrl;
  }

  static async run(options: BenchOptions, say: (line: string) => void): Promise<Result[]> {
    const scene = await openScene();
    try {
      const subjects = await startSubjects(scene, options, say);
      const [first] = subjects as [Subject, ...Subject[]];
      const yardsticks = await scene.createDatabase('yardstick');
      // Its only purpose is to create the tables.
      await (await scene.startService(yardsticks)).stop();
      const pgbench = await Pgbench.prepare(yardsticks, scene.folder);
      const bare = await startBareRoute(first.service.databaseUrl);
      try {
        const bench = new Bench(options, say, scene, pgbench, bare.url);
        await bench.measureAll(subjects);
        return [...bench.results.values()];
      } finally {
        await bare.stop();
      }
    } finally {
      await scene.close();
    }
  }

  private async measureAll(subjects: readonly Subject[]): Promise<void> {
    this.say('warming up');
    for (const { service, works } of subjects) {
      await runClients(service.url, works.place(), MANY, WARM_UP_SECONDS);
      await this.drained(service);
    }
    for (let round = 1; round <= this.options.rounds; round += 1) {
      this.say(`round ${round} of ${this.options.rounds}`);
      await this.measurePlacing(subjects);
      const [first] = subjects;
      if (first) await this.measureOthers(first);
    }
  }

  private async measurePlacing(subjects: readonly Subject[]): Promise<void> {
    for (const clients of CLIENTS) {
      const yardstick = await this.pgbench.measure(clients, this.options.seconds);
      for (const { name, service, works } of subjects) {
        if (clients !== MANY && !name.startsWith('place, reservations')) continue;
        const [told, placed] = [await this.scene.countTold(), works.placed.length];
        await this.measure(name, clients, service, works.place(), ['pgbench', yardstick]);
        const missing = works.placed.length - placed - ((await this.scene.countTold()) - told);
        if (missing > 0) throw new Error(`${missing} customers were not told of their orders`);
      }
    }
    const [first] = subjects;
    if (!first) return;
    const work = { next: () => first.works.place().next(), expects: 201 };
    const bare = await runClients(this.bareUrl, work, MANY, this.options.seconds);
    this.keep('bare route, POST', MANY, undefined, { ...bare, cpuMs: undefined, yardstick: undefined });
  }

  private async measureOthers({ service, works }: Subject): Promise<void> {
    await this.measure('replay of a key', MANY, service, works.replay());
    const get = works.get();
    const bare = await runClients(this.bareUrl, get, MANY, this.options.seconds);
    await this.measure('get one order', MANY, service, get, ['bare route + query', bare.perSecond]);
    await this.measure("a customer's list", MANY, service, works.listOfCustomer());
    await this.measure('list, first page', MANY, service, works.list());
    const far = works.placed.toSorted().at(-Math.min(FAR_PAGE * PAGE_SIZE, works.placed.length));
    await this.measure('list, page 1000', MANY, service, works.list(far));
    await this.measure('status update', MANY, service, works.setStatus());
  }

  private async measure(
    name: string,
    clients: number,
    service: Service,
    work: Work,
    yardstick?: [name: string, perSecond: number],
  ): Promise<void> {
    const before = await cpuOf(service.pid);
    const measured = await runClients(service.url, work, clients, this.options.seconds);
    await this.drained(service);
    const after = await cpuOf(service.pid);
    const requests = measured.perSecond * this.options.seconds;
    const cpuMs = before === undefined || after === undefined ? undefined : (after - before) / requests;
    this.keep(name, clients, yardstick?.[0], { ...measured, cpuMs, yardstick: yardstick?.[1] });
  }

  private keep(name: string, clients: number, yardstickName: string | undefined, sample: Sample): void {
    const key = `${name} ${clients}`;
    const result = this.results.get(key) ?? { name, clients, yardstickName, samples: [] };
    result.samples.push(sample);
    this.results.set(key, result);
    const ratio =
      sample.yardstick === undefined ? '' : `, ${(sample.perSecond / sample.yardstick).toFixed(2)}`;
    this.say(`  ${name}, ${clients} clients: ${sample.perSecond.toFixed(0)} a second${ratio}`);
  }

  /** Waits until the service has no job left, so that what one measurement has caused is not paid by the next. */
  private async drained(service: Service): Promise<void> {
    const { Client } = await import('pg');
    const client = new Client({ connectionString: service.databaseUrl });
    await client.connect();
    try {
      const giveUpAt = Date.now() + DRAIN_TIMEOUT_MS;
      const open = `SELECT 1 FROM pgboss.job WHERE state IN ('created', 'retry', 'active') LIMIT 1`;
      while ((await client.query(open)).rowCount !== 0) {
        if (Date.now() > giveUpAt)
          throw new Error('jobs are left after a minute: they came faster than they were done');
        await sleep(DRAIN_CHECK_MS);
      }
    } finally {
      await client.end();
    }
  }
}

async function startSubjects(
  scene: Scene,
  { previous }: BenchOptions,
  say: (line: string) => void,
): Promise<Subject[]> {
  const start = async (name: string, settings: Record<string, string>, dist?: string): Promise<Subject> => {
    const database = await scene.createDatabase(name.replaceAll(/\W/g, '_'));
    return { name, service: await scene.startService(database, settings, dist), works: new Works() };
  };
  const subjects = [
    await start('place, reservations', RESERVATIONS),
    await start('place, per product', { MAX_PLACEMENTS }),
  ];
  if (previous !== undefined) {
    say(`building ${previous}`);
    const dist = await buildCommit(previous, scene.folder);
    subjects.push(await start(`place, reservations, ${previous}`, RESERVATIONS, dist));
  }
  return subjects;
}

/** Builds an earlier commit in a folder of its own, with the packages of this working copy. @returns its dist */
async function buildCommit(commit: string, folder: string): Promise<string> {
  const copy = join(folder, 'previous');
  execFileSync('git', ['clone', '--quiet', PROJECT, copy]);
  execFileSync('git', ['checkout', '--quiet', commit], { cwd: copy });
  await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: copy, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(copy, 'dist');
}

async function startBareRoute(databaseUrl: string): Promise<{ url: URL; stop(): Promise<void> }> {
  const port = await freePort();
  const program = fileURLToPath(new URL('./bare-route.ts', import.meta.url));
  const child = startNode([program, String(port)], { DATABASE_URL: databaseUrl });
  const url = new URL(`http://127.0.0.1:${port}`);
  await untilAnswers(`${url.origin}/health`, child);
  return { url, stop: () => end(child) };
}
