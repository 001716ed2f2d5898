import { findLies } from '../support/contract/check.ts';
import { findOperation, operations } from '../support/contract/document.ts';
import { BudgetOracle, type Cost } from './budget/oracle.ts';
import type { FuzzOptions } from './options.ts';
import type { FuzzRequest } from './request.ts';
import { sampleRequests } from './requests.ts';
import { type Outcome, Sender } from './sender.ts';
import type { World } from './world.ts';

/** Requests generated at a time: all of a run would not fit into memory. */
const CHUNK = 500;

const PROGRESS_EVERY = 5_000;

/** Share of a run in which code is compiled and caches fill. */
const WARM_UP = 0.2;

/** The memory of fewer requests is not significant. */
const ENOUGH_FOR_MEMORY = 10_000;

/** Allowed growth of memory between the warm-up and the end: the garbage of a few seconds. */
export const MEMORY_TOLERANCE_MB = 48;

/** Enough to see what they have in common. */
const EXAMPLES = 3;

/** A failed check, with requests that caused it. */
export interface Finding {
  what: string;
  count: number;
  examples: string[];
}

export interface FuzzResult {
  requests: number;
  seconds: number;
  findings: Finding[];
  /** Number of responses by operation and status. */
  answers: Map<string, Map<string, number>>;
  slowestMs: number;
  /** Megabytes after the warm-up and at the end; undefined with too few requests. */
  memory: { before: number; after: number } | undefined;
  /** The most expensive request of each operation. */
  costs: Cost[];
}

/** One run: generates requests, sends them, and checks the responses. */
export class Fuzzing {
  private readonly findings = new Map<string, Finding>();
  private readonly answers = new Map(
    operations.map(({ operationId }) => [operationId, new Map<string, number>()]),
  );
  private readonly samples: number[] = [];
  private readonly budgets = new BudgetOracle();
  private slowestMs = 0;
  private sent = 0;

  private readonly world: World;
  private readonly options: FuzzOptions;
  private readonly say: (line: string) => void;

  constructor(world: World, options: FuzzOptions, say: (line: string) => void) {
    this.world = world;
    this.options = options;
    this.say = say;
  }

  async run(): Promise<FuzzResult> {
    const { seed, requests } = this.options;
    const begin = performance.now();
    const sender = new Sender(this.world.url, await this.world.placeSettledOrder());
    for (let chunk = 0; this.sent < requests; chunk += 1) {
      const batch = sampleRequests(seed + chunk, Math.min(CHUNK, requests - this.sent));
      await this.sendAll(sender, batch);
      this.samples.push(this.world.memory());
      if (!(await this.world.isLive())) {
        this.find('the service is not live any more', this.world.log().slice(-2_000));
        break;
      }
      if (this.sent % PROGRESS_EVERY === 0) this.report();
    }
    const costs = await this.measureCosts(sender);
    sender.close();
    const memory = this.measureMemory();
    return {
      requests: this.sent,
      seconds: Math.round((performance.now() - begin) / 1_000),
      findings: [...this.findings.values()],
      answers: this.answers,
      slowestMs: Math.round(this.slowestMs),
      memory,
      costs,
    };
  }

  private async measureCosts(sender: Sender): Promise<Cost[]> {
    if (!(await this.world.isLive())) return [];
    const { costs, overBudget } = await this.budgets.measure(sender, this.world);
    for (const what of overBudget) this.find('over budget', what);
    return costs;
  }

  private async sendAll(sender: Sender, batch: FuzzRequest[]): Promise<void> {
    const queue = batch.values();
    const client = async (): Promise<void> => {
      for (const request of queue) {
        this.judge(request, await sender.send(request));
        this.sent += 1;
      }
    };
    await Promise.all(Array.from({ length: this.options.clients }, client));
  }

  private judge(request: FuzzRequest, outcome: Outcome): void {
    if ('fault' in outcome) {
      this.find(outcome.fault, describe(request, ''));
      return;
    }
    const { answer, ms } = outcome;
    this.slowestMs = Math.max(this.slowestMs, ms);
    const operation =
      findOperation(answer.method, answer.target.split(/[?#]/, 1)[0] ?? '')?.operationId ?? 'none';
    const counts = this.answers.get(operation) ?? new Map<string, number>();
    this.answers.set(operation, counts);
    const status = String(answer.status);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    const shown = `${answer.status} ${answer.text.slice(0, 300)}`;
    for (const lie of findLies(answer))
      this.find(`${operation}, ${answer.status}: ${lie}`, describe(request, shown));
    for (const what of this.budgets.judge(operation, request, answer, ms)) {
      this.find(what, describe(request, shown));
    }
    // There is no outage, so the 5xx responses that the document allows for outages must not occur.
    if (answer.status >= 500) this.find(`${operation} answers ${answer.status}`, describe(request, shown));
  }

  private find(what: string, example: string): void {
    const finding = this.findings.get(what) ?? { what, count: 0, examples: [] };
    finding.count += 1;
    if (finding.examples.length < EXAMPLES) finding.examples.push(example);
    this.findings.set(what, finding);
  }

  private report(): void {
    const found = this.findings.size === 0 ? 'nothing found' : `${this.findings.size} kinds of findings`;
    this.say(`${this.sent} of ${this.options.requests} requests, ${this.samples.at(-1)} MB, ${found}`);
  }

  private measureMemory(): { before: number; after: number } | undefined {
    if (this.sent < ENOUGH_FOR_MEMORY) return undefined;
    const part = Math.floor(this.samples.length * WARM_UP);
    // A single sample may be just before or just after a garbage collection.
    const before = median(this.samples.slice(part, 2 * part));
    const after = median(this.samples.slice(-part));
    if (after - before > MEMORY_TOLERANCE_MB) {
      this.find('memory grows', `${before} MB after the warm-up, ${after} MB at the end`);
    }
    return { before, after };
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function describe({ method, target, headers, body, mutations }: FuzzRequest, answer: string): string {
  const shown = body?.toString('latin1').slice(0, 400) ?? 'no body';
  const how = mutations.length === 0 ? 'valid' : mutations.join(' and ');
  return `${method} ${target.slice(0, 300)} ${JSON.stringify(headers).slice(0, 400)} ${JSON.stringify(shown)} (${how}) → ${answer}`;
}
