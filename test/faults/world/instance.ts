import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PauseServer } from './pause-server.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually, type Process, startProcess } from './processes.ts';

/** A start takes two seconds; many times that on a busy machine with the database down at first. */
const START_TIMEOUT_MS = 90_000;

/** A start that fails because the database went down during it is repeated, as by any supervisor. */
const START_ATTEMPTS = 10;
const START_RETRY_MS = 300;

/** Time to finish requests and tasks in progress; each has its own, lower limit. */
const TERMINATION_TIMEOUT_MS = 40_000;

/** One instance of the service, always on the same port, across all its restarts. */
export class Instance {
  /** Unexpected exits. */
  readonly collapses: string[] = [];
  private process: Process | undefined;
  private isExpectedToEnd = false;
  /** Incremented by every start and every end, so that the later of two starts wins. */
  private life = 0;
  private nextPoints: readonly string[] = [];
  private withClockJumps = false;

  readonly url: string;
  readonly name: string;
  private readonly main: string;
  private readonly env: Record<string, string>;
  private readonly folder: string;
  private readonly pauses: PauseServer;

  private constructor(
    url: string,
    name: string,
    main: string,
    env: Record<string, string>,
    folder: string,
    pauses: PauseServer,
  ) {
    this.url = url;
    this.name = name;
    this.main = main;
    this.env = env;
    this.folder = folder;
    this.pauses = pauses;
  }

  static async create(
    number: number,
    dist: string,
    settings: Record<string, string>,
    folder: string,
    pauses: PauseServer,
  ): Promise<Instance> {
    const port = await freePort();
    const env = { ...settings, PORT: String(port), PAUSE_POINTS_URL: pauses.url };
    const name = `instance-${number}`;
    return new Instance(`http://127.0.0.1:${port}`, name, join(dist, 'main.js'), env, folder, pauses);
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /**
   * Starts the process and waits until it is live.
   *
   * @param points where it may be paused during this life
   */
  async start(points: readonly string[], withClockJumps: boolean): Promise<void> {
    this.nextPoints = points;
    this.withClockJumps = withClockJumps;
    this.life += 1;
    const { life } = this;
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
      if ((await this.launch()) || life !== this.life) return;
      await sleep(START_RETRY_MS);
      if (life !== this.life) return;
    }
    throw new Error(`${this.name} could not be started; see its log in ${this.folder}`);
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** @returns whether it exited in time after SIGTERM */
  async terminate(): Promise<boolean> {
    const { process } = this;
    if (!process) return true;
    this.life += 1;
    this.isExpectedToEnd = true;
    process.signal('SIGTERM');
    const hasEnded = await Promise.race([
      process.ended.then(() => true),
      sleep(TERMINATION_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (!hasEnded) await this.end('SIGKILL');
    return hasEnded;
  }

  async freeze(ms: number): Promise<void> {
    this.process?.signal('SIGSTOP');
    await sleep(ms);
    this.process?.signal('SIGCONT');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    this.life += 1;
    this.isExpectedToEnd = true;
    this.process?.signal(signal);
    await this.process?.ended;
  }

  private async launch(): Promise<boolean> {
    this.isExpectedToEnd = false;
    const clock = new URL('clock-jumps.ts', import.meta.url).href;
    const args = [...(this.withClockJumps ? ['--import', clock] : []), this.main];
    const process = startProcess(args, this.env, join(this.folder, `${this.name}.log`));
    this.process = process;
    this.pauses.want(process.pid, this.nextPoints);
    const isLive = (): Promise<boolean> =>
      fetch(`${this.url}/health/live`).then(
        (response) => response.ok,
        () => false,
      );
    await eventually(async () => process.hasEnded() || (await isLive()), START_TIMEOUT_MS);
    if (process.hasEnded()) return false;
    void process.ended.then(() => this.watch(process));
    return true;
  }

  /** Records an unexpected exit and starts the instance again, as a supervisor does. */
  private watch(process: Process): void {
    if (this.isExpectedToEnd || this.process !== process) return;
    this.collapses.push(`${this.name} (process ${process.pid}) ended by itself`);
    void this.start(this.nextPoints, this.withClockJumps).catch(() => undefined);
  }
}
