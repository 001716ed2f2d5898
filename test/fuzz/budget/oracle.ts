import type { SeenAnswer } from '../../support/contract/check.ts';
import type { FuzzRequest } from '../request.ts';
import type { Sender } from '../sender.ts';
import { type Budget, BUDGETS } from './budgets.ts';

/** The best of several tries counts, because other work of the service and of the machine only adds time. */
const TRIES = 5;

/** Budget of the problems for unknown paths. */
const NO_OPERATION: Budget = { cpuMs: 20, answerBytes: 24_000, storedBytes: 0, reason: 'a problem' };

/** Measurements of the service under test. */
export interface Meters {
  /** Processor time of the event loop so far, in milliseconds. */
  processorTime(): number;
  /** Bytes of all rows in the database. */
  storedBytes(): Promise<number>;
  /** Lets nothing begin in the background that stores rows. */
  calm(): Promise<void>;
}

/** The slowest request of an operation in a run. */
export interface Cost {
  operation: string;
  requests: number;
  answerBytes: number;
  cpuMs: number;
  storedBytes: number;
}

interface Seen {
  requests: number;
  answerBytes: number;
  slowest: { request: FuzzRequest; ms: number } | undefined;
}

/** Compares the cost of requests with the budgets of their operations. */
export class BudgetOracle {
  private readonly seen = new Map<string, Seen>();

  /** @returns what is over budget; empty when nothing is */
  judge(operation: string, request: FuzzRequest, answer: SeenAnswer, ms: number): string[] {
    const seen = this.seen.get(operation) ?? { requests: 0, answerBytes: 0, slowest: undefined };
    this.seen.set(operation, seen);
    const bytes = Buffer.byteLength(answer.text);
    seen.requests += 1;
    seen.answerBytes = Math.max(seen.answerBytes, bytes);
    if (ms > (seen.slowest?.ms ?? 0)) seen.slowest = { request, ms };
    const { answerBytes } = budgetOf(operation);
    if (answerBytes === null || bytes <= answerBytes) return [];
    return [`${operation} returned more than ${answerBytes} bytes`];
  }

  /**
   * Sends the slowest request of each operation again, alone, and measures it. While other requests are served, the
   * cost of one can't be measured.
   *
   * @returns the costs, and what is over budget
   */
  async measure(sender: Sender, meters: Meters): Promise<{ costs: Cost[]; overBudget: string[] }> {
    const costs: Cost[] = [];
    const overBudget: string[] = [];
    for (const [operation, { requests, answerBytes, slowest }] of this.seen) {
      if (!slowest) continue;
      const { cpuMs, storedBytes } = await measureOne(slowest.request, sender, meters);
      costs.push({ operation, requests, answerBytes, cpuMs, storedBytes });
      const budget = budgetOf(operation);
      if (cpuMs > budget.cpuMs) overBudget.push(`${operation} took ${cpuMs} ms of at most ${budget.cpuMs}`);
      if (storedBytes > budget.storedBytes) {
        overBudget.push(`${operation} stored ${storedBytes} bytes of at most ${budget.storedBytes}`);
      }
    }
    return { costs, overBudget };
  }
}

function budgetOf(operation: string): Budget {
  return BUDGETS[operation] ?? NO_OPERATION;
}

async function measureOne(
  request: FuzzRequest,
  sender: Sender,
  meters: Meters,
): Promise<{ cpuMs: number; storedBytes: number }> {
  let cpuMs = Infinity;
  let storedBytes = Infinity;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    await meters.calm();
    const storedBefore = await meters.storedBytes();
    const before = meters.processorTime();
    await sender.send(request);
    cpuMs = Math.min(cpuMs, meters.processorTime() - before);
    storedBytes = Math.min(storedBytes, Math.max(0, (await meters.storedBytes()) - storedBefore));
  }
  return { cpuMs: Math.round(cpuMs * 10) / 10, storedBytes };
}
