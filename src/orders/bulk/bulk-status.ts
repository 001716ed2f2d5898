import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type FirstRun, Idempotency, type RunResult } from '../../idempotency/idempotency.js';
import { isDatabaseBusy, isDatabaseUnavailable } from '../../platform/database/session/database-errors.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { Semaphore, BulkheadFullError } from '../../platform/semaphore.js';
import type { Bulkhead } from '../../platform/http/bounded-routes.js';
import { addProcessorTime } from '../../platform/http/load/processor-turns.js';
import { Problem, RETRY_AFTER } from '../../platform/http/problem.js';
import { mapBounded } from '../../platform/upstream/upstream-parallel.js';
import { OrdersService, type StatusChange } from '../orders.service.js';
import { type BulkResult, BulkStatusResponse } from './bulk-status.response.js';

/** Orders that all these requests change at the same time: quick, and most connections stay free for orders. */
const CHANGES_AT_ONCE = 4;

/**
 * Four requests share the connections above; with more, none would finish in time. Most name few orders and end at
 * once, so others may queue.
 */
export const BULK_CHANGES: Bulkhead = {
  kind: 'bulk_changes',
  permits: 4,
  maxWaiting: 8,
  admissionMs: 1_000,
};

/** Estimated processor time of an order that is looked up and changed. */
const TARGET_MS = 0.1;

/** Results with this status or above are uncertain: a fault or the deadline ended them. */
const FIRST_UNCERTAIN_STATUS = 500;

/** An order that is to get the status. */
export interface BulkTarget {
  orderId: string;
  /** That the caller has seen; undefined when it does not care. */
  version: number | undefined;
}

/** The new status and its actor, for all orders. */
export type BulkChange = Omit<StatusChange, 'expectedVersions'>;

/**
 * Sets one status of many orders. Each change is independent: a refused one does not stop the others, and a retry
 * after a crash reports the earlier changes as `unchanged`.
 */
@Injectable()
export class BulkStatus {
  private readonly changes: Semaphore;

  constructor(
    private readonly orders: OrdersService,
    private readonly idempotency: Idempotency,
    private readonly settings: Settings,
  ) {
    this.changes = new Semaphore(Math.min(CHANGES_AT_ONCE, Math.floor(settings.DATABASE_POOL_SIZE / 2)));
  }

  /**
   * @param key the client's `Idempotency-Key`, with which a certain response is stored
   * @param fingerprint of the whole request
   * @throws {Problem} idempotency-key-reused
   */
  async change(
    targets: readonly BulkTarget[],
    change: BulkChange,
    key: string | undefined,
    fingerprint: () => string,
  ): Promise<RunResult> {
    const run = () => this.changeFirst(targets, change);
    return this.idempotency.run({ caller: change.actor, key }, fingerprint, run, boundToOrder);
  }

  private async changeFirst(targets: readonly BulkTarget[], change: BulkChange): Promise<FirstRun> {
    const results = await this.changeAll(targets, change);
    const response = { status: 200, headers: {}, body: { ...BulkStatusResponse.from(change.to, results) } };
    // An incomplete response is not stored: a retry with the key continues with the open orders.
    const isCertain = results.every(({ problem }) => !problem || problem.status < FIRST_UNCERTAIN_STATUS);
    return { response, key: isCertain ? 'store' : 'free' };
  }

  private async changeAll(targets: readonly BulkTarget[], change: BulkChange): Promise<BulkResult[]> {
    addProcessorTime(targets.length * TARGET_MS);
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    return mapBounded(targets, CHANGES_AT_ONCE, async (target) => {
      if (deadline.remaining() === 0) return refusal(target, outOfTime());
      try {
        const leave = await this.changes.enter(deadline);
        return await this.changeOne(target, change).finally(leave);
      } catch (error) {
        if (error instanceof BulkheadFullError) return refusal(target, outOfTime());
        throw error;
      }
    });
  }

  private async changeOne(target: BulkTarget, change: BulkChange): Promise<BulkResult> {
    const { orderId, version } = target;
    try {
      const expectedVersions = version === undefined ? undefined : [version];
      const { order, isChanged } = await this.orders.setStatus(orderId, { ...change, expectedVersions });
      return { orderId, outcome: isChanged ? 'changed' : 'unchanged', order };
    } catch (error) {
      if (isDatabaseUnavailable(error)) return refusal(target, databaseUnavailable(error));
      if (!(error instanceof Problem)) throw error;
      return (await this.findDone(target, change, error)) ?? refusal(target, error);
    }
  }

  /**
   * Finds the request's own earlier change: the order is newer than the expected version, but already has the status.
   */
  private async findDone(
    { orderId }: BulkTarget,
    { owner, to }: BulkChange,
    { name }: Problem,
  ): Promise<BulkResult | undefined> {
    const order = name === 'version-conflict' ? await this.orders.find(owner, orderId) : undefined;
    return order?.status === to ? { orderId, outcome: 'unchanged', order } : undefined;
  }
}

/** Keys of these requests are never bound to one order, because each request changes many. */
async function boundToOrder(orderId: string): Promise<never> {
  throw new Error(`the key of a bulk request is bound to order ${orderId}`);
}

function refusal({ orderId }: BulkTarget, problem: Problem): BulkResult {
  return { orderId, outcome: 'refused', problem };
}

function outOfTime(): Problem {
  const detail =
    'The request ran out of time before it reached this order, which is unchanged; send the request again';
  return Problem.http('overloaded', detail, {}, RETRY_AFTER);
}

function databaseUnavailable(error: unknown): Problem {
  const detail = isDatabaseBusy(error)
    ? 'The database was busy or locked, so nothing was done for this order; send the request again'
    : 'The database does not answer, so it is unknown whether this was done; send the request again';
  return Problem.http('database-unavailable', detail, {}, RETRY_AFTER);
}
