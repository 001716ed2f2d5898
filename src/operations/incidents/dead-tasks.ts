import { Injectable } from '@nestjs/common';
import { NIL as NIL_ID } from 'uuid';
import {
  CHECK_OUT_CART,
  CONFIRM_EXPIRED,
  KEEP_STOCK,
  NOTIFY,
  RELEASE_STOCK,
} from '../../orders/order.tasks.js';
import type { TaskKind } from '../../tasks/task-kind.js';
import {
  EndpointStandingsRepository,
  MAX_COUNTED_OFTEN,
} from '../../webhooks/endpoints/endpoint-standings.repository.js';
import { endpointOf, webhookKind } from '../../webhooks/webhook-task.js';
import {
  type DeadGroup,
  type DeadTask,
  type Tally,
  TaskReportsRepository,
} from '../task-reports.repository.js';
import { causeOf } from './incident-cause.js';
import type { Incident, IncidentAction, IncidentKind, Subject } from './incident.js';

/** Different reasons of dead tasks that are looked at: after normalisation only a few causes are left. */
export const MAX_REASONS = 1_000;

/** Reasons of dead tasks; undefined for every reason. */
export type Reasons = readonly string[] | undefined;

/** Incidents of the same kind with the same cause; of webhooks, those of one endpoint. */
export interface IncidentGroup {
  kind: IncidentKind;
  /** Of `webhook_failed`: what is right for one endpoint may be wrong for another. */
  endpointId?: string;
  cause: string;
  count: number;
  oldest: Date;
}

/** The tasks of one kind that become incidents when they are dead. `place-order` never dies. */
export const SINGLE_TASK_INCIDENTS = {
  notification: NOTIFY,
  stock_release: RELEASE_STOCK,
  cart_checkout: CHECK_OUT_CART,
  paid_without_stock: CONFIRM_EXPIRED,
  stock_lost: KEEP_STOCK,
} as const satisfies Partial<Record<IncidentKind, TaskKind>>;

export type SingleTaskIncidentKind = keyof typeof SINGLE_TASK_INCIDENTS;

const SINGLE_KINDS = Object.keys(SINGLE_TASK_INCIDENTS) as SingleTaskIncidentKind[];

/** Every endpoint of webhooks has a kind of task of its own. */
export type TaskIncidentKind = SingleTaskIncidentKind | 'webhook_failed';

export const TASK_KINDS: readonly TaskIncidentKind[] = [...SINGLE_KINDS, 'webhook_failed'];

/** What can be done about a dead task, alone or with all others of its kind and cause. */
export const TASK_ACTIONS = ['retry', 'write_off'] as const satisfies IncidentAction[];

export type TaskAction = (typeof TASK_ACTIONS)[number];

export function isTaskIncident(kind: IncidentKind): kind is TaskIncidentKind {
  return TASK_KINDS.some((name) => name === kind);
}

/** The kind of a dead task. Without an endpoint, `webhook_failed` is about all of them. */
export type DeadKind = Pick<Subject, 'endpointId'> & { kind: TaskIncidentKind };

/** The kind of the dead task that an incident is about. */
export function taskKindOf({ kind, endpointId }: DeadKind): TaskKind {
  if (kind !== 'webhook_failed') return SINGLE_TASK_INCIDENTS[kind];
  if (endpointId === undefined) throw new Error('an incident of the kind webhook_failed has no endpoint');
  return webhookKind(endpointId);
}

/** Dead tasks as incidents. */
@Injectable()
export class DeadTasks {
  constructor(
    private readonly reports: TaskReportsRepository,
    private readonly endpoints: EndpointStandingsRepository,
  ) {}

  /** @returns incidents about the order and those behind it, by order; only those for these reasons */
  async find(
    dead: DeadKind,
    limit: number,
    fromOrderId: string = NIL_ID,
    reasons?: Reasons,
  ): Promise<Incident[]> {
    const tasks = await this.reports.findDead(await this.namesOf(dead), fromOrderId, limit, reasons);
    return tasks.map((task) => toIncident(dead.kind, task));
  }

  async count(dead: DeadKind, reasons?: Reasons): Promise<Tally> {
    return this.reports.countDead(await this.namesOf(dead), reasons, limitOf(dead.kind));
  }

  /** The reasons of dead tasks that have a cause. */
  async findReasons(dead: DeadKind, cause: string): Promise<string[]> {
    const groups = await this.group(dead);
    return [...new Set(groups.map(({ reason }) => reason).filter((reason) => causeOf(reason) === cause))];
  }

  /** Not merged: a cause may occur several times. */
  async findGroups(): Promise<IncidentGroup[]> {
    const groups = await Promise.all(
      TASK_KINDS.map(async (kind) =>
        (await this.group({ kind })).map(({ kind: task, reason, count, oldest }) => ({
          kind,
          ...(kind === 'webhook_failed' && { endpointId: endpointOf(task) }),
          cause: causeOf(reason),
          count,
          oldest,
        })),
      ),
    );
    return groups.flat();
  }

  private async group(dead: DeadKind): Promise<DeadGroup[]> {
    return this.reports.groupDead(await this.namesOf(dead), MAX_REASONS, limitOf(dead.kind));
  }

  /** Names of the kinds of tasks. Dead tasks of deleted endpoints are about to be deleted. */
  private async namesOf({ kind, endpointId }: DeadKind): Promise<string[]> {
    if (kind !== 'webhook_failed') return [SINGLE_TASK_INCIDENTS[kind].name];
    const known = await this.endpoints.findEndpoints();
    const wanted = endpointId === undefined ? known : known.filter(({ id }) => id === endpointId);
    return wanted.map(({ id }) => webhookKind(id).name);
  }
}

function limitOf(kind: TaskIncidentKind): number | null {
  return kind === 'webhook_failed' ? MAX_COUNTED_OFTEN : null;
}

function toIncident(
  kind: TaskIncidentKind,
  { orderId, kind: task, seq, reason, deadAt: since, attempts, leaseVersion }: DeadTask,
): Incident {
  return {
    kind,
    orderId,
    number: numberOfTask(kind, seq),
    ...(kind === 'webhook_failed' && { endpointId: endpointOf(task) }),
    reason,
    since,
    actions: [...TASK_ACTIONS],
    attempts,
    leaseVersion,
  };
}

/** Which event a message is about; 0 for other tasks, which are about the order. */
export function numberOfTask(kind: TaskIncidentKind, seq: number): number {
  return kind === 'notification' || kind === 'webhook_failed' ? seq : 0;
}
