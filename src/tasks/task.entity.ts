import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** `ready`: first of its lane. `blocked`: behind another task of its lane. `dead`: out of attempts. */
export type TaskState = 'ready' | 'blocked' | 'dead';

/** Work after a commit. The row exists until the task has succeeded. */
@Entity('tasks')
@Check('tasks_state', `state IN ('ready', 'blocked', 'dead')`)
@Index('tasks_due', ['kind', 'runAt'], { where: `state = 'ready'` })
@Index('tasks_dead', ['kind', 'orderId'], { where: `state = 'dead'` })
@Index('tasks_of_webhooks', ['kind', 'createdAt'], { where: `state <> 'dead' AND kind LIKE 'webhook:%'` })
export class Task {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'tasks_pkey' })
  orderId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'tasks_pkey' })
  lane!: string;

  /** The version of the order that made the task necessary. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'tasks_pkey' })
  seq!: number;

  /** Names the task in the API. */
  @Column('uuid')
  id!: string;

  @Column('text')
  kind!: string;

  @Column('json')
  payload!: Record<string, unknown>;

  /** The request that made the task necessary: `x-request-id`, `traceparent`, `tracestate`. */
  @Column('json', { nullable: true })
  context!: Record<string, string> | null;

  @Column('text')
  state!: TaskState;

  /** When a ready task is due. A claim moves it to the end of the lease. */
  @Column('timestamptz', { name: 'run_at' })
  runAt!: Date;

  @Column('timestamptz', { name: 'lease_until', nullable: true })
  leaseUntil!: Date | null;

  /** Fencing token: raised by every claim. */
  @Column('integer', { name: 'lease_version' })
  leaseVersion!: number;

  /** Attempts that have begun. */
  @Column('integer')
  attempts!: number;

  @Column('integer', { name: 'max_attempts' })
  maxAttempts!: number;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'dead_at', nullable: true })
  deadAt!: Date | null;
}
