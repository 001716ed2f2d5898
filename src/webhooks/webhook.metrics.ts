import { Injectable } from '@nestjs/common';
import { ageSeconds, DatabaseGauges } from '../platform/metrics/database-gauges.js';
import { Metrics } from '../platform/metrics/metrics.js';
import { WebhookBacklogRepository } from './webhook-backlog.repository.js';

/**
 * Tasks of one endpoint that are counted: enough to see that it is dead. A hundred such endpoints cost a scrape some tens of
 * milliseconds.
 */
const MAX_COUNTED = 1_000;

/** What endpoints of webhooks have not received, as metrics. */
@Injectable()
export class WebhookMetrics extends DatabaseGauges {
  private readonly oldest = this.gauge(
    'webhook_oldest_undelivered_age_seconds',
    'How long the oldest event has waited for its delivery to an endpoint; 0 without one. Absent of disabled endpoints. Events out of attempts are incidents and not included.',
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
    private readonly backlog: WebhookBacklogRepository,
    { registry }: Metrics,
  ) {
    super(registry);
  }

  protected async measureNow(): Promise<void> {
    const backlogs = await this.backlog.measure(MAX_COUNTED);
    // Deleted endpoints must not stay.
    for (const gauge of [this.oldest, this.waiting, this.failed]) gauge.reset();
    for (const { endpointId: endpoint, isEnabled, waiting, failed, oldest } of backlogs) {
      this.waiting.set({ endpoint }, waiting);
      this.failed.set({ endpoint }, failed);
      if (isEnabled) this.oldest.set({ endpoint }, ageSeconds(oldest));
    }
  }
}
