import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Batcher } from '../../platform/database/batching/batcher.js';
import { isDatabaseUnavailable } from '../../platform/database/session/database-errors.js';
import { Deadline } from '../../platform/deadline.js';
import { runDetached, withDeadline } from '../../platform/telemetry/request-context.js';
import { DeliveryRepository, type RecordedDelivery } from './delivery.repository.js';

/** Attempts that are recorded together. */
const RECORDS_OF_BATCH = 64;

/** Connections that records take at most: one batch that waits for a lock, as that of an erasure, leaves the other. */
const LANES = 2;

/** Far longer than a batch takes. One that takes longer holds up deliveries of all endpoints for no more than this. */
const BATCH_LIMIT_MS = 2_000;

/** Between two tries at a record that could not be written. */
const REPEAT_MS = 1_000;

/** Records that wait for such a try, some 20 MB. More of them hold up the deliveries that they are of. */
const MAX_WAITING = 10_000;

/**
 * Stores the last attempts at deliveries. A record that a batch could not write is written alone later, so that it holds up no delivery.
 */
@Injectable()
export class DeliveryRecords implements OnModuleDestroy {
  private readonly logger = new Logger('Webhooks');
  private readonly batches: Batcher<RecordedDelivery, undefined>;
  private readonly repeats: Batcher<RecordedDelivery, undefined>;
  private waiting = 0;
  private isStopping = false;

  constructor(repository: DeliveryRepository) {
    const batcher = (size: number, lanes: number) =>
      new Batcher<RecordedDelivery, undefined>(
        async (entries) => {
          const deadline = Deadline.in(BATCH_LIMIT_MS);
          await withDeadline(deadline, () => repository.record(entries.map(({ item }) => item)));
          for (const { resolve } of entries) resolve(undefined);
        },
        size,
        lanes,
      );
    this.batches = batcher(RECORDS_OF_BATCH, LANES);
    this.repeats = batcher(1, 1);
  }

  /** Never throws: the history is no reason to send an event again that the endpoint has accepted. */
  async add(record: RecordedDelivery): Promise<void> {
    // Outside of the attempt: its deadline would put the record into one batch after another.
    await runDetached(async () => {
      try {
        await this.batches.add(record);
      } catch {
        const repeated = this.repeat(record);
        if (this.waiting > MAX_WAITING) await repeated;
      }
    });
  }

  onModuleDestroy(): void {
    this.isStopping = true;
  }

  private async repeat(record: RecordedDelivery): Promise<void> {
    this.waiting += 1;
    try {
      while (!(await this.isWritten(record))) await sleep(REPEAT_MS, undefined, { ref: false });
    } catch (error) {
      const { endpointId, orderId, seq } = record;
      this.logger.error(
        { err: error, endpointId, orderId, seq },
        'An attempt at a webhook could not be recorded',
      );
    } finally {
      this.waiting -= 1;
    }
  }

  /** @returns false when it is worth another try @throws the error of the database where it is not */
  private async isWritten(record: RecordedDelivery): Promise<boolean> {
    try {
      await this.repeats.add(record);
      return true;
    } catch (error) {
      if (this.isStopping || !isDatabaseUnavailable(error)) throw error;
      return false;
    }
  }
}
