import { Injectable } from '@nestjs/common';
import { ageSeconds, DatabaseGauges } from '../../platform/metrics/database-gauges.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { EndpointStandingsRepository, MAX_COUNTED_OFTEN } from './endpoint-standings.repository.js';

/** What endpoints have not received, as metrics. */
@Injectable()
export class WebhookMetrics extends DatabaseGauges {
  private readonly oldest = this.gauge(
    'webhook_oldest_undelivered_age_seconds',
    'How long the oldest event has waited for its delivery to an endpoint; 0 without one. Absent of endpoints that a person has disabled; those that answered 410 are included. Events out of attempts are incidents and not included.',
    'endpoint',
  );
  private readonly waiting = this.gauge(
    'webhook_events_waiting',
    'Events that are queued for an endpoint, counted up to 1,000; those out of attempts are not included.',
    'endpoint',
  );
  private readonly failed = this.gauge(
    'webhook_events_failed',
    'Events out of attempts for an endpoint, which are incidents, counted up to 1,000.',
    'endpoint',
  );

  constructor(
    private readonly standings: EndpointStandingsRepository,
    { registry }: Metrics,
  ) {
    super(registry);
  }

  protected async measureNow(): Promise<void> {
    const endpoints = await this.standings.findEndpoints();
    const standings = await this.standings.measure(
      endpoints.map(({ id }) => id),
      MAX_COUNTED_OFTEN,
    );
    // Those of deleted endpoints must not stay.
    for (const gauge of [this.oldest, this.waiting, this.failed]) gauge.reset();
    for (const [index, { id: endpoint, isAwaited }] of endpoints.entries()) {
      const { queued = 0, failed = 0, oldestAt = null } = standings[index] ?? {};
      this.waiting.set({ endpoint }, queued);
      this.failed.set({ endpoint }, failed);
      if (isAwaited) this.oldest.set({ endpoint }, ageSeconds(oldestAt));
    }
  }
}
