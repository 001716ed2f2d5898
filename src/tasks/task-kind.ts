import { randomUUID } from 'node:crypto';
import { fieldsToPassOn } from '../platform/telemetry/request-context.js';
import type { Statement } from '../platform/database/statement-message.js';
import type { Deadline } from '../platform/deadline.js';
import type { Task } from './task.entity.js';

/** One kind of task, defined by the module whose transactions insert it. */
export interface TaskKind<Payload extends object = object> {
  readonly name: string;
  /** Tasks of one order and lane run one after another. */
  readonly lane: string;
  /** Never set: carries the type of the payload from the insert to the handler. */
  readonly payload?: Payload;
}

/** A task that a transaction makes necessary. */
export interface NewTask {
  id: string;
  kind: TaskKind;
  orderId: string;
  /** The version of the order that makes it necessary. */
  seq: number;
  payload: object;
  /** Headers of the current request, for the calls of the task. */
  context: Record<string, string>;
  /** Milliseconds from the commit until the task is due; absent where it is due at once. */
  delayMs?: number;
}

/** A task on behalf of the current request, if there is one and no other context is given. */
export function newTask<Payload extends object>(
  kind: TaskKind<Payload>,
  orderId: string,
  seq: number,
  payload: Payload,
  context = fieldsToPassOn(),
): NewTask {
  return { id: randomUUID(), kind, orderId, seq, payload, context };
}

/** A task that this process has leased for one attempt. */
export type LeasedTask = Pick<
  Task,
  | 'orderId'
  | 'lane'
  | 'seq'
  | 'id'
  | 'kind'
  | 'payload'
  | 'context'
  | 'leaseVersion'
  | 'attempts'
  | 'maxAttempts'
>;

/** The argument of a handler: its lease, with the payload of its kind. */
export type TaskInput<Payload extends object> = Omit<LeasedTask, 'payload'> & { payload: Payload };

/** Runs one attempt. An error makes the engine retry the task, unless the handler has ended the lease itself. */
export type TaskHandler<Payload extends object> = (
  task: TaskInput<Payload>,
  deadline: Deadline,
) => Promise<void>;

/** Options of a kind; every kind is retried after failures. */
export interface TaskPolicy {
  /** The adaptive limit of attempts at a time never exceeds it. */
  maxConcurrency: number;
  /** Longest attempt. The lease outlasts it, so that a slow attempt never overlaps the next. */
  attemptTimeoutMs: number;
  /** Attempts until the task is dead. */
  maxAttempts: number;
  /** Pause after the first failed attempt; it doubles with every further one. */
  firstPauseMs: number;
  /** Longest pause between two attempts. */
  maxPauseMs: number;
  /** Tasks of the kind are claimed at most this often. */
  claimIntervalMs: number;
  /** Attempts that may run at a time now, besides the adaptive limit: 0 while the kind rests. */
  gate: () => number;
  /** Whether tasks that succeeded become part of the delivery history of their order. */
  isKept: boolean;
  /** Stands for the kind in metrics and traces, which must not have a label for each of many kinds. */
  label?: string;
  /** Statements of the transaction that declares tasks dead, after it has done so. They run as well where the lease of a task was lost. */
  onDead?: (tasks: readonly LeasedTask[]) => Statement[];
}

/** A failed attempt whose handler knows more about the next one than the policy does. */
export class AttemptError extends Error {
  /**
   * @param pauseMs shortest pause before the next attempt
   * @param isFinal whether there is none
   */
  constructor(
    message: string,
    readonly pauseMs = 0,
    readonly isFinal = false,
  ) {
    super(message);
    this.name = 'AttemptError';
  }
}

/** An attempt that did not begin, because the service that it calls rests. The task is due again, and the attempt does not count. */
export class AttemptNotMade extends Error {
  constructor() {
    super('the attempt was not made');
    this.name = 'AttemptNotMade';
  }
}

/** Tasks that failed together, as in an outage, do not retry together. */
const JITTER = 0.2;

/**
 * Exponential backoff with jitter: the pause before the next attempt, in milliseconds.
 *
 * @param attempts attempts that have failed, at least 1
 * @param random from 0 to 1
 */
export function retryPauseMs(
  attempts: number,
  { firstPauseMs, maxPauseMs }: Pick<TaskPolicy, 'firstPauseMs' | 'maxPauseMs'>,
  random = Math.random(),
): number {
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (attempts - 1));
  return Math.round(pauseMs * (1 - JITTER * random));
}
