import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Sequencer } from '../../events/sequencer.js';
import { BackgroundLoops } from '../../platform/background-loops.js';
import { DatabaseOutage } from '../../platform/database/database-outage.js';
import { runDetached } from '../../platform/telemetry/request-context.js';
import { WakeUp } from '../../platform/wake-up.js';
import { EndpointRegistry } from '../delivery/endpoint-registry.js';
import { type Cursor, type CursorGroup, groupsOf } from './cursor-groups.js';
import { DispatchRepository } from './dispatch.repository.js';

/** How often events that other instances have numbered, and their changes of endpoints, are looked for. */
const POLL_MS = 1_000;

/** The same while no endpoint is enabled. */
const IDLE_POLL_MS = 5_000;

/** An endpoint with all the tasks that it may have is left alone for so long. */
const FULL_MS = 1_000;

/** Endpoints that are behind share so much of a pass; it takes at least one batch of them. */
const BEHIND_MS = 100;

/**
 * Queues the events of the feed for the endpoints that they match. Every instance runs it, and locks on the rows of the
 * endpoints let one at a time do the work. It runs behind the sequencer, so placing an order costs the same with or without
 * endpoints.
 */
@Injectable()
export class WebhookDispatcher implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Webhooks');
  private readonly wakeUp = new WakeUp();
  private isStopping = false;
  private ended: Promise<void> | undefined;
  private hasEnabled = false;
  /** Whether the current pass had no error. */
  private isWell = true;
  /** How long the last pass took: the loop rests for as long, so that it never takes more than half of its time. */
  private lastPassMs = 0;
  /** When endpoints that were full are looked at again, by cursor and id. */
  private readonly fullUntil = new Map<string, number>();
  /** Which of the groups that are behind is next. */
  private turn = 0;

  constructor(
    private readonly registry: EndpointRegistry,
    private readonly repository: DispatchRepository,
    private readonly sequencer: Sequencer,
    private readonly outage: DatabaseOutage,
    private readonly loops: BackgroundLoops,
  ) {}

  /** To be called after an endpoint was created or enabled, or has a new replay. */
  wake(): void {
    this.wakeUp.in(0);
  }

  onApplicationBootstrap(): void {
    this.sequencer.onBatch(() => {
      if (this.hasEnabled) this.wakeUp.in(this.lastPassMs);
    });
    this.ended = runDetached(() => this.run());
  }

  onModuleDestroy(): void {
    this.isStopping = true;
    this.wakeUp.in(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.ended;
  }

  private async run(): Promise<void> {
    const loop = this.loops.add('webhooks', { pauseMs: IDLE_POLL_MS });
    loop.start();
    while (!this.isStopping) {
      const startedAt = performance.now();
      this.isWell = true;
      const isMore = await this.attend();
      if (this.isWell) loop.reportProgress();
      this.lastPassMs = performance.now() - startedAt;
      const pollMs = this.hasEnabled ? POLL_MS : IDLE_POLL_MS;
      this.wakeUp.in(isMore ? this.lastPassMs : Math.max(pollMs, this.lastPassMs));
      if (!this.isStopping) await this.wakeUp.sleep();
    }
    loop.stop();
  }

  /** @returns whether more events wait */
  private async attend(): Promise<boolean> {
    try {
      const isMore = await this.pass();
      if (this.isWell) this.outage.isOver();
      return isMore;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  private report(error: unknown, endpointIds?: readonly string[]): void {
    this.isWell = false;
    if (!this.outage.noticed(error))
      this.logger.error({ err: error, endpointIds }, 'Events can not be queued');
  }

  /** Queues one batch for the endpoints at the end of the feed, then batches for those that are behind, in turn. */
  private async pass(): Promise<boolean> {
    const rows = await this.registry.refresh();
    this.hasEnabled = rows.some(({ state }) => state === 'enabled');
    const [first, ...others] = groupsOf(rows).flatMap((group) => this.withoutFull(group));
    if (!first) return false;
    let isMore = await this.queue(first);
    const startedAt = performance.now();
    for (let done = 0; done < others.length; done += 1) {
      if (done > 0 && performance.now() - startedAt > BEHIND_MS) return true;
      const group = others[this.turn % others.length];
      this.turn += 1;
      if (group && (await this.queue(group))) isMore = true;
    }
    return isMore;
  }

  /**
   * An error of one endpoint must not stop the others: its group is queued again one by one. From then on their cursors differ.
   *
   * @returns whether more events may wait for the group
   */
  private async queue(group: CursorGroup): Promise<boolean> {
    try {
      const { isMore, full } = await this.repository.queueNext(group);
      for (const id of full) this.fullUntil.set(placeOf(group.cursor, id), performance.now() + FULL_MS);
      return isMore;
    } catch (error) {
      const { endpointIds } = group;
      if (endpointIds.length === 1 || this.outage.noticed(error)) {
        this.report(error, endpointIds);
        return false;
      }
      let isMore = false;
      for (const id of endpointIds) if (await this.queue({ ...group, endpointIds: [id] })) isMore = true;
      return isMore;
    }
  }

  /** @returns no group if all its endpoints are full */
  private withoutFull(group: CursorGroup): CursorGroup[] {
    const endpointIds = group.endpointIds.filter((id) => !this.isFull(placeOf(group.cursor, id)));
    return endpointIds.length > 0 ? [{ ...group, endpointIds }] : [];
  }

  private isFull(place: string): boolean {
    const until = this.fullUntil.get(place);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.fullUntil.delete(place);
    return false;
  }
}

/** An endpoint that is full for its replay still gets new events. */
function placeOf(cursor: Cursor, endpointId: string): string {
  return `${cursor} ${endpointId}`;
}
