import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CampaignDatabase } from '../world/database.ts';
import { eventually, type Process, startProcess } from '../world/processes.ts';
import { freePort } from '../../support/free-port.ts';
import type { Receipt } from './receiver.ts';

const PROGRAM = fileURLToPath(new URL('receiver.ts', import.meta.url));

const START_TIMEOUT_MS = 30_000;

/** After it has ended, as a supervisor does. */
const RESTART_MS = 500;

/** Shares of the orders between which one receiver is down. */
const DOWN = { from: 0.2, until: 0.6 };

const WATCH_MS = 100;

/** The endpoints of a campaign: the process that each is in, and what it wants. How it behaves is the end of its name. */
const ENDPOINTS = [
  { name: 'always-good', process: 'steady', types: null },
  {
    name: 'few-types-good',
    process: 'steady',
    types: ['order.confirmed', 'order.cancelled', 'order.corrected'],
  },
  { name: 'always-slow', process: 'steady', types: null },
  { name: 'often-flaky', process: 'steady', types: null },
  { name: 'a-while-down', process: 'down', types: null },
  { name: 'each-step-killed', process: 'killed', types: null },
] as const;

/** The same without any fault. */
const CALM_ENDPOINTS = ENDPOINTS.filter(({ name }) => name.endsWith('good'));

type ProcessName = (typeof ENDPOINTS)[number]['process'];

/** What a receiver has committed. */
export interface Receiver {
  name: string;
  /** Types of events that it gets; null for all. */
  types: readonly string[] | null;
  /** In the order of the commits. */
  receipts: readonly Receipt[];
}

/** A receiver process, always on the same port, across all its restarts. */
class ReceiverProcess {
  readonly port: number;
  private readonly args: readonly string[];
  private readonly logFile: string;
  private readonly receiptFile: string;
  private process: Process | undefined;
  private lives = 0;
  private isWanted = false;

  private constructor(name: ProcessName, port: number, folder: string, secret: string) {
    this.port = port;
    this.receiptFile = join(folder, `receiver-${name}.ndjson`);
    this.logFile = join(folder, `receiver-${name}.log`);
    this.args = [PROGRAM, String(port), this.receiptFile, secret];
  }

  static async create(name: ProcessName, folder: string, secret: string): Promise<ReceiverProcess> {
    return new ReceiverProcess(name, await freePort(), folder, secret);
  }

  /** @param note called with the reason when it has ended by itself; it is started again then */
  async start(note: (reason: string) => void): Promise<void> {
    this.isWanted = true;
    const process = startProcess([...this.args], { LIFE: String(this.lives) }, this.logFile);
    this.lives += 1;
    this.process = process;
    const listens = (): boolean => process.output().includes('listens');
    await eventually(() => listens() || process.hasEnded(), START_TIMEOUT_MS);
    void this.restartAfter(process, note);
  }

  async kill(): Promise<void> {
    this.isWanted = false;
    this.process?.signal('SIGKILL');
    await this.process?.ended;
  }

  /** Lets it behave well until its end. @returns whether it could be reached */
  async calm(): Promise<boolean> {
    const answer = fetch(`http://127.0.0.1:${this.port}/calm`, { method: 'POST' });
    return answer.then(
      ({ ok }) => ok,
      () => false,
    );
  }

  private async restartAfter(process: Process, note: (reason: string) => void): Promise<void> {
    await process.ended;
    if (!this.isWanted) return;
    note(/^killed (.+)$/m.exec(process.output())?.[1] ?? 'for no reason');
    await sleep(RESTART_MS);
    if (this.isWanted) await this.start(note);
  }

  receipts(): Receipt[] {
    const text = existsSync(this.receiptFile) ? readFileSync(this.receiptFile, 'utf8') : '';
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Receipt);
  }
}

/** The receivers of webhooks of a campaign. */
export class Receivers {
  /** How often each fault was injected. */
  readonly injected = new Map<string, number>();
  private readonly processes: ReadonlyMap<ProcessName, ReceiverProcess>;
  private readonly endpoints: readonly (typeof ENDPOINTS)[number][];
  private readonly secret: string;
  private watching: Promise<void> | undefined;
  private isOver = false;

  private constructor(
    processes: ReadonlyMap<ProcessName, ReceiverProcess>,
    endpoints: readonly (typeof ENDPOINTS)[number][],
    secret: string,
  ) {
    this.processes = processes;
    this.endpoints = endpoints;
    this.secret = secret;
  }

  /** @param withFaults without them there are only those that behave well */
  static async start(folder: string, withFaults: boolean): Promise<Receivers> {
    const endpoints = withFaults ? ENDPOINTS : CALM_ENDPOINTS;
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const names = [...new Set(endpoints.map(({ process }) => process))];
    const processes = await Promise.all(
      names.map(async (name) => [name, await ReceiverProcess.create(name, folder, secret)] as const),
    );
    const receivers = new Receivers(new Map(processes), endpoints, secret);
    await Promise.all(processes.map(([, process]) => process.start(receivers.note)));
    return receivers;
  }

  /** Makes them endpoints of the service, before the first event. */
  async register(database: CampaignDatabase): Promise<void> {
    const secrets = [{ secret: this.secret, created_at: new Date().toISOString(), valid_until: null }];
    for (const { name, process, types } of this.endpoints)
      await database.query(
        `INSERT INTO webhook_endpoints (id, url, description, event_types, state, secrets, read_until, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'enabled', $5, 0, now(), now())`,
        [
          randomUUID(),
          `http://127.0.0.1:${this.processes.get(process)?.port}/${name}`,
          name,
          types,
          JSON.stringify(secrets),
        ],
      );
  }

  /** Takes one receiver down for a part of the campaign. @param share of the orders that are complete */
  watch(share: () => number): void {
    this.watching = this.takeDown(share);
  }

  /** Ends the faults: from now on every delivery is accepted. */
  async calm(): Promise<void> {
    this.isOver = true;
    await this.watching;
    for (const process of this.processes.values()) await eventually(() => process.calm(), START_TIMEOUT_MS);
  }

  receivers(): Receiver[] {
    const receipts = [...this.processes.values()].flatMap((process) => process.receipts());
    return this.endpoints.map(({ name, types }) => ({
      name,
      types,
      receipts: receipts.filter(({ endpoint }) => endpoint === name),
    }));
  }

  async close(): Promise<void> {
    this.isOver = true;
    await this.watching;
    for (const process of this.processes.values()) await process.kill();
  }

  private readonly note = (fault: string): void => {
    const name = `receiver: killed ${fault}`;
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
  };

  private async takeDown(share: () => number): Promise<void> {
    const process = this.processes.get('down');
    if (!process) return;
    while (share() < DOWN.from && !this.isOver) await sleep(WATCH_MS);
    if (this.isOver) return;
    await process.kill();
    this.injected.set('receiver: down for a while', 1);
    while (share() < DOWN.until && !this.isOver) await sleep(WATCH_MS);
    await process.start(this.note);
  }
}
