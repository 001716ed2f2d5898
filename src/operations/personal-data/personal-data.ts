import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NIL as NIL_ID } from 'uuid';
import { Settings } from '../../config/settings.js';
import { claimsOf } from '../../orders/claims/claims-of.js';
import { OrderClaimsRepository } from '../../orders/claims/order-claims.repository.js';
import { isOrderId } from '../../orders/order-id.js';
import { NOTIFY } from '../../orders/order.tasks.js';
import { orderNotFound } from '../../orders/order.problems.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { PersonalDataRepository, type Subject } from './personal-data.repository.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Orders of one transaction, which holds their row locks for a few milliseconds. */
const BATCH_SIZE = 100;

/** The result of pending messages about an order without a recipient. */
const NO_MORE_NOTIFICATIONS = {
  notification: 'none from here on, those that were waiting included: the order has no address any more',
};

/** The result of one call. */
export interface ErasureResult {
  /** Orders that had personal data. */
  count: number;
  /** Whether the time was over before all orders were looked at. */
  more: boolean;
}

/**
 * Erases the customer and keeps the order: lines, prices, totals and the history. No task, event or stored response holds
 * personal data, so erasing them from the order, its search text and the answers of webhooks is enough. An unsent message finds no address and ends.
 */
@Injectable()
export class PersonalData {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: PersonalDataRepository,
    private readonly claims: OrderClaimsRepository,
    private readonly orders: OrderRepository,
    private readonly tasks: Tasks,
    private readonly settings: Settings,
  ) {}

  /** @throws {Problem} order-not-found */
  async eraseOrder(orderId: string, actor: string): Promise<ErasureResult> {
    const order = isOrderId(orderId) ? await this.orders.findOrder(orderId) : undefined;
    if (!order) throw orderNotFound(orderId);
    return this.erase({ by: 'order_id', value: orderId }, actor);
  }

  /** Erases the orders of now, batch by batch, within the deadline of a request; later orders keep their data. */
  async erase(subject: Subject, actor: string): Promise<ErasureResult> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    let count = 0;
    let afterId: string = NIL_ID;
    for (;;) {
      const orderIds = await this.repository.findOrders(subject, afterId, BATCH_SIZE);
      if (orderIds.length > 0) count += await this.eraseBatch(orderIds, actor);
      const last = orderIds.at(-1);
      if (last === undefined || orderIds.length < BATCH_SIZE) return { count, more: false };
      if (deadline.remaining() <= 0) return { count, more: true };
      afterId = last;
    }
  }

  private async eraseBatch(orderIds: readonly string[], actor: string): Promise<number> {
    const at = databaseNow();
    return inTransaction(this.dataSource, async (transaction) => {
      const erased = await this.repository.erase(transaction, orderIds, at);
      if (erased.length === 0) return 0;
      const ids = erased.map(({ id }) => id);
      await this.repository.eraseLines(transaction, ids);
      await this.repository.eraseAnswers(transaction, ids);
      await this.claims.eraseHashes(transaction, ids, erased.flatMap(claimsOf));
      await this.repository.insertEvents(transaction, ids, { actor, data: NO_MORE_NOTIFICATIONS, at });
      // A dead notification would be an incident about nothing: tried again, it ends without a message.
      await this.tasks.retryDead(transaction, NOTIFY, ids);
      return erased.length;
    });
  }
}
