import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { JobRepository } from '../platform/jobs/job.repository.js';
import { Metrics } from '../platform/metrics/metrics.js';
import { DriftRepository } from './drift/drift.repository.js';
import { INCIDENT_KIND_NAMES } from './incident.js';
import { IncidentFinder } from './incident-finder.js';

/** Several scrapers, or one in a hurry, get the same numbers: what is measured changes in minutes. */
const FRESH_MS = 5_000;

/** What waits for a person, and what waits for its turn, as metrics. Measured when they are asked for. */
@Injectable()
export class OperationsMetrics implements OnModuleInit {
  private measured = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };
  private readonly incidents: Gauge<'kind'>;
  private readonly oldestIncident: Gauge<'kind'>;
  private readonly jobsWaiting: Gauge<'queue'>;
  private readonly oldestJob: Gauge<'queue'>;
  private readonly driftUnits: Gauge<'direction'>;
  private readonly driftAge: Gauge;

  constructor(
    private readonly finder: IncidentFinder,
    private readonly jobs: JobRepository,
    private readonly drift: DriftRepository,
    private readonly metrics: Metrics,
  ) {
    const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
      // All are set together, by whichever is collected first.
      new Gauge({ name, help, labelNames, registers: [], collect: () => this.measure() });
    this.incidents = gauge('order_incidents', 'What waits for a person: GET /operations/incidents.', 'kind');
    this.oldestIncident = gauge(
      'order_incident_oldest_age_seconds',
      'How long the oldest incident has waited for a person; 0 where there is none.',
      'kind',
    );
    this.jobsWaiting = gauge('jobs_waiting', 'Background jobs that are not done yet.', 'queue');
    this.oldestJob = gauge(
      'jobs_waiting_oldest_age_seconds',
      'How long ago the oldest of the waiting jobs was sent; 0 where there is none.',
      'queue',
    );
    this.driftUnits = gauge(
      'stock_drift_units',
      'Units that the inventory has more (surplus) or fewer (missing) than the books explain, by the last npm run drift.',
      'direction',
    );
    this.driftAge = gauge(
      'stock_drift_report_age_seconds',
      'How long ago npm run drift was last run; -1 if never.',
    );
  }

  onModuleInit(): void {
    const gauges = [
      this.incidents,
      this.oldestIncident,
      this.jobsWaiting,
      this.oldestJob,
      this.driftUnits,
      this.driftAge,
    ];
    for (const gauge of gauges) this.metrics.registry.registerMetric(gauge);
  }

  private measure(): Promise<void> {
    if (performance.now() - this.measured.at > FRESH_MS) {
      const done = this.measureNow();
      this.measured = { at: performance.now(), done };
      // A scrape that failed is an answer to whoever asked, and must not be kept for the next.
      done.catch(() => (this.measured.at = Number.NEGATIVE_INFINITY));
    }
    return this.measured.done;
  }

  private async measureNow(): Promise<void> {
    for (const kind of INCIDENT_KIND_NAMES) {
      const { count, oldest } = await this.finder.tally(kind);
      this.incidents.set({ kind }, count);
      this.oldestIncident.set({ kind }, ageSeconds(oldest));
    }
    for (const { queue, waiting, oldest } of await this.jobs.measureBacklogs()) {
      this.jobsWaiting.set({ queue }, waiting);
      this.oldestJob.set({ queue }, ageSeconds(oldest));
    }
    const { surplus, missing, checkedAt } = await this.drift.summarise();
    this.driftUnits.set({ direction: 'surplus' }, surplus);
    this.driftUnits.set({ direction: 'missing' }, missing);
    this.driftAge.set(checkedAt ? ageSeconds(checkedAt) : -1);
  }
}

function ageSeconds(since: Date | null): number {
  return since ? Math.max(0, (Date.now() - since.getTime()) / 1_000) : 0;
}
