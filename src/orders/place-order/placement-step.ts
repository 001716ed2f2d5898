import type { Deadline } from '../../platform/deadline.js';
import type { LeasedTask } from '../../tasks/task-kind.js';
import type { InventoryCall } from '../history/inventory-calls.js';
import type { Order } from '../order.entity.js';
import type { Completion, StepFailure } from './completion.js';

/** The lease of a placement's task. */
export type PlacementLease = Omit<LeasedTask, 'payload'>;

/** An order whose placement this process may complete. */
export interface LeasedPlacement {
  order: Order;
  lease: PlacementLease;
}

/** What to do about an unknown outcome: retry later, or compensate now. */
export type OnUnknownOutcome = 'retry' | 'compensate';

/** What a step has to know about the placement. */
export interface StepOptions {
  /** For a step whose retry is safe. */
  onUnknown: OnUnknownOutcome;
  deadline: Deadline;
  /** Whether an earlier attempt may have reserved the stock. */
  mayBeReserved: boolean;
}

/** The result of a step: the order for the next one, a failure, or that another process has the lease. */
export type StepResult =
  | {
      outcome: 'done';
      order: Order;
      calls?: InventoryCall[];
      /** When the inventory gives the reserved units away by itself; absent where it keeps them until they are released. */
      stockUntil?: Date;
    }
  | { outcome: 'lost' }
  | StepFailure;

/** One step of a placement, between the two transactions. */
export interface Step {
  /** Whether the stored order shows that an earlier attempt did the step. */
  isDone(order: Order): boolean;
  /** Does the step, outside any transaction. */
  run(placement: LeasedPlacement, options: StepOptions): Promise<StepResult>;
  /** How the order ends when the step is not done, and which of its stock must be released. */
  compensate(order: Order, failure: StepFailure): Completion;
  /** What an unknown outcome means. */
  onUnknown(options: StepOptions): OnUnknownOutcome;
}
