import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { EventFeedRepository } from '../events/event-feed.repository.js';
import { OrderRepository } from '../orders/order.repository.js';
import { EXPIRE_HOLD, PLACE_ORDER } from '../orders/order.tasks.js';
import { ageSeconds, DatabaseGauges } from '../platform/metrics/database-gauges.js';
import { Metrics } from '../platform/metrics/metrics.js';
import { TaskReportsRepository } from './task-reports.repository.js';
import { DriftRepository } from './drift/drift.repository.js';
import { INCIDENT_KIND_NAMES } from './incidents/incident.js';
import { SINGLE_TASK_INCIDENTS } from './incidents/dead-tasks.js';
import { IncidentFinder } from './incidents/incident-finder.js';

/**
 * Incidents and backlogs as metrics, read from the database at each scrape. During an outage they are left out
 * instead of repeated, and `database_metrics_available` is 0.
 */
@Injectable()
export class OperationsMetrics extends DatabaseGauges {
  private readonly available: Gauge;
  private readonly incidents = this.gauge(
    'order_incidents',
    'Open incidents, which need a decision by a person: GET /operations/incidents. Failed webhooks are counted up to 1,000 for each endpoint.',
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
    'Time since the oldest unfinished background task was inserted, or was due where it had to wait (expire-hold, keep-stock); 0 without one.',
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
    super(registry);
    this.available = new Gauge({
      name: 'database_metrics_available',
      help: '1 while the database answers; 0 otherwise, and the metrics from the database are absent then.',
      registers: [registry],
      collect: () => this.measure(),
    });
  }

  protected override note(isDone: boolean): void {
    super.note(isDone);
    this.available.set(isDone ? 1 : 0);
  }

  protected async measureNow(): Promise<void> {
    await this.measureOrders();
    await this.measureBacklogs();
    await this.measureDrift();
    await this.measureFeed();
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
    const names = [...Object.values(SINGLE_TASK_INCIDENTS), EXPIRE_HOLD].map(({ name }) => name);
    const measured = await this.tasks.measureBacklogs(names);
    const backlogs = new Map(measured.map((backlog) => [backlog.kind, backlog]));
    for (const queue of names) {
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
