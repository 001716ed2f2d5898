import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import type { Order } from '../../orders/order.entity.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { PlaceOrderSaga } from '../../orders/place-order/place-order-saga.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { requestDeadline } from '../../platform/telemetry/request-context.js';
import { Tasks } from '../../tasks/tasks.service.js';
import { countResolution, type Decision, IncidentResolution } from './incident-resolution.js';
import type { NamedIncident } from './incidents.service.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** Pending orders, which are resolved by resuming their placement. */
@Injectable()
export class PendingOrders {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly placement: PlaceOrderSaga,
    private readonly tasks: Tasks,
    private readonly settlement: IncidentResolution,
    private readonly settings: Settings,
  ) {}

  /** @returns when it was decided; undefined when another process has the lease of the order */
  async settle(order: Order, incident: NamedIncident, decision: Decision): Promise<Date | undefined> {
    const taken = await this.placement.acquireLease(order.id);
    if (taken?.order.version !== order.version) return undefined;
    const at = databaseNow();
    const isRecorded = await inTransaction(this.dataSource, async (transaction) => {
      if (!(await this.tasks.lock(transaction, taken.lease))) return false;
      if (!(await this.orders.touch(transaction, taken.order, at))) return false;
      await this.settlement.record(transaction, taken.order, incident, decision, at);
      return true;
    });
    if (!isRecorded) return undefined;
    countResolution(incident, decision);
    const current = { ...taken, order: { ...order, version: order.version + 1, updatedAt: at } };
    if (decision.action === 'release') {
      await this.placement.abandon(current, decision.actor);
    } else {
      const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
      await this.placement.run(current, 'retry', deadline, decision.actor);
    }
    return at;
  }
}
