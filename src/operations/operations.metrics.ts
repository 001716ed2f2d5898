import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { EventFeedRepository } from '../events/event-feed.repository.js';
import { OrderRepository } from '../orders/order.repository.js';
import { PLACE_ORDER } from '../orders/order.tasks.js';
import { isDatabaseUnavailable } from '../platform/database/session/database-errors.js';
import { Metrics } from '../platform/metrics/metrics.js';
import { TaskReportsRepository } from './task-reports.repository.js';
import { DriftRepository } from './drift/drift.repository.js';
import { INCIDENT_KIND_NAMES } from './incidents/incident.js';
import { IncidentFinder, TASK_INCIDENTS } from './incidents/incident-finder.js';
import { databaseNow } from '../platform/database/database-clock.js';

/** Cache lifetime for several scrapers: the values change within minutes. */
const FRESH_MS = 5_000;

/** A scraper waits for ten seconds, and must get the other metrics while the database is away. */
const PATIENCE_MS = 5_000;

/**
 * Incidents and backlogs as metrics, read from the database at each scrape. During an outage they are left out
 * instead of repeated, and `database_metrics_available` is 0.
 */
@Injectable()
export class OperationsMetrics {
  private measured = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };
  private readonly labelled: Gauge[] = [];
  private readonly unlabelled: Gauge[] = [];
  private readonly available: Gauge;
  private readonly incidents = this.gauge(
    'order_incidents',
    'Open incidents, which need a decision by a person: GET /operations/incidents.',
    'kind',
  );
  private readonly oldestIncident = this.gauge(
    'order_incident_oldest_age_seconds',
    'Age of the oldest open incident; 0 without one.',
    'kind',
  );
  private readonly jobsWaiting = this.gauge(
    'jobs_waiting',
    'Background tasks that are not finished, by kind (label queue, such as notify); dead ones are incidents and not included.',
    'queue',
  );
  private readonly oldestJob = this.gauge(
    'jobs_waiting_oldest_age_seconds',
    'Time since the oldest unfinished background task was inserted; 0 without one.',
    'queue',
  );
  private readonly pendingOrders = this.gauge('orders_pending', 'Orders whose placement is not complete.');
  private readonly oldestPending = this.gauge(
    'orders_pending_oldest_age_seconds',
    'Age of the oldest order whose placement is not complete; 0 without one.',
  );
  private readonly toRecover = this.gauge(
    'orders_to_recover',
    'Pending orders without a running placement, which recovery may resume.',
  );
  private readonly linesInDoubt = this.gauge(
    'order_lines_in_doubt',
    'Order lines whose stock may or may not be held.',
  );
  private readonly driftUnits = this.gauge(
    'stock_drift_units',
    'Units that the inventory has more (surplus) or fewer (missing) than the orders explain, by the last npm run drift.',
    'direction',
  );
  private readonly driftAge = this.gauge(
    'stock_drift_report_age_seconds',
    'Time since the last npm run drift; -1 without one.',
  );
  private readonly lastEvent = this.gauge(
    'event_feed_last_number',
    'Last number of the feed of events (GET /events).',
  );
  private readonly isBackfilled = this.gauge(
    'event_feed_is_complete',
    '0 while events from before the feed are being numbered; new events wait until it is 1.',
  );
  private readonly unnumbered = this.gauge(
    'event_feed_unnumbered',
    'New events that wait for their number, counted up to 10,000.',
  );
  private readonly oldestUnnumbered = this.gauge(
    'event_feed_unnumbered_oldest_age_seconds',
    'Age of the oldest new event that waits for its number; 0 without one.',
  );

  constructor(
    private readonly finder: IncidentFinder,
    private readonly orders: OrderRepository,
    private readonly tasks: TaskReportsRepository,
    private readonly drift: DriftRepository,
    private readonly feed: EventFeedRepository,
    { registry }: Metrics,
  ) {
    this.available = new Gauge({
      name: 'database_metrics_available',
      help: '1 while the database answers; 0 otherwise, and the metrics from the database are absent then.',
      registers: [],
      collect: () => this.measure(),
    });
    for (const gauge of [this.available, ...this.labelled, ...this.unlabelled])
      registry.registerMetric(gauge);
  }

  /** All are set together, by whichever is collected first. */
  private gauge(name: string, help: string, ...labelNames: string[]): Gauge {
    const gauge = new Gauge({ name, help, labelNames, registers: [], collect: () => this.measure() });
    (labelNames.length > 0 ? this.labelled : this.unlabelled).push(gauge);
    return gauge;
  }

  private measure(): Promise<void> {
    if (performance.now() - this.measured.at > FRESH_MS) {
      const done = this.measureIfPossible();
      this.measured = { at: performance.now(), done };
      // A failed scrape goes to the callers that wait for it, and must not be cached.
      done.catch(() => (this.measured.at = Number.NEGATIVE_INFINITY));
    }
    return this.measured.done;
  }

  private async measureIfPossible(): Promise<void> {
    const isDone = await Promise.race([this.measureNow(), sleep(PATIENCE_MS, false, { ref: false })]);
    this.available.set(isDone ? 1 : 0);
    if (isDone) return;
    for (const gauge of this.labelled) gauge.reset();
    for (const gauge of this.unlabelled) gauge.remove();
  }

  /** @returns whether the database has answered */
  private async measureNow(): Promise<boolean> {
    try {
      await this.measureOrders();
      await this.measureBacklogs();
      await this.measureDrift();
      await this.measureFeed();
      return true;
    } catch (error) {
      if (isDatabaseUnavailable(error)) return false;
      throw error;
    }
  }

  private async measureOrders(): Promise<void> {
    const { count, oldest } = await this.orders.measurePending();
    this.pendingOrders.set(count);
    this.toRecover.set(await this.tasks.countDue(PLACE_ORDER.name));
    this.oldestPending.set(ageSeconds(oldest));
    this.linesInDoubt.set(await this.orders.countLinesInDoubt());
  }

  private async measureBacklogs(): Promise<void> {
    for (const kind of INCIDENT_KIND_NAMES) {
      const { count, oldest } = await this.finder.tally(kind);
      this.incidents.set({ kind }, count);
      this.oldestIncident.set({ kind }, ageSeconds(oldest));
    }
    const backlogs = new Map((await this.tasks.measureBacklogs()).map((backlog) => [backlog.kind, backlog]));
    for (const { name: queue } of Object.values(TASK_INCIDENTS)) {
      const backlog = backlogs.get(queue);
      this.jobsWaiting.set({ queue }, backlog?.waiting ?? 0);
      this.oldestJob.set({ queue }, ageSeconds(backlog?.oldest ?? null));
    }
  }

  private async measureDrift(): Promise<void> {
    const { surplus, missing, checkedAt } = await this.drift.summarise();
    this.driftUnits.set({ direction: 'surplus' }, surplus);
    this.driftUnits.set({ direction: 'missing' }, missing);
    this.driftAge.set(checkedAt ? ageSeconds(checkedAt) : -1);
  }

  private async measureFeed(): Promise<void> {
    const { lastNo, isBackfilled, unnumbered, oldest } = await this.feed.measure();
    this.lastEvent.set(lastNo);
    this.isBackfilled.set(isBackfilled ? 1 : 0);
    this.unnumbered.set(unnumbered);
    this.oldestUnnumbered.set(ageSeconds(oldest));
  }
}

function ageSeconds(since: Date | null): number {
  return since ? Math.max(0, (databaseNow().getTime() - since.getTime()) / 1_000) : 0;
}
