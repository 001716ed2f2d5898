import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { DataSource } from 'typeorm';
import type { Order } from '../../orders/order.entity.js';
import { LateConfirmationRepository } from '../../orders/holds/late-confirmation.repository.js';
import { confirmingOf, paymentsToConfirm } from '../../orders/payments/confirming-payment.js';
import type { Payment } from '../../orders/payments/payment.js';
import { reservationIdOf } from '../../orders/reservation/reservation-id.js';
import { isLive } from '../../orders/order-status.js';
import { RELEASE_STOCK, releaseStockTask } from '../../orders/order.tasks.js';
import { StockJournal } from '../../orders/order.ports.js';
import { OrderRepository } from '../../orders/order.repository.js';
import { WebhookHistoryRepository } from '../../webhooks/history/webhook-history.repository.js';
import type { Sql } from '../../platform/database/connection.js';
import { inTransaction } from '../../platform/database/transaction.js';
import { Tasks } from '../../tasks/tasks.service.js';
import type { IncidentAction } from './incident.js';
import { type TaskIncidentKind, taskKindOf } from './dead-tasks.js';
import type { NamedIncident } from './incidents.service.js';
import { databaseNow } from '../../platform/database/database-clock.js';

/** A person's decision about an incident. */
export interface Decision {
  action: IncidentAction;
  reason: string | undefined;
  actor: string;
}

const resolutions = new Counter({
  name: 'order_incidents_resolved_total',
  help: 'Incidents that people resolved, by kind and action (retry, release, write_off).',
  labelNames: ['kind', 'action'] as const,
});

/** To be called once the decision is committed. */
export function countResolution({ kind }: NamedIncident, { action }: Decision): void {
  resolutions.inc({ kind, action });
}

/** A concurrent change was first: roll back and read again. */
class Overtaken extends Error {}

/**
 * Stores a decision and its consequences in one transaction. It makes no remote call: calls are tasks of that
 * transaction, so that a crash neither loses nor doubles them.
 */
@Injectable()
export class IncidentResolution {
  constructor(
    private readonly dataSource: DataSource,
    private readonly orders: OrderRepository,
    private readonly tasks: Tasks,
    private readonly journal: StockJournal,
    private readonly deliveries: WebhookHistoryRepository,
    private readonly lateConfirmations: LateConfirmationRepository,
  ) {}

  /**
   * @param order as it was read before the incident was found
   * @returns when the incident was resolved; undefined when it or the order has changed since they were read
   */
  async settle(order: Order, incident: NamedIncident, decision: Decision): Promise<Date | undefined> {
    const at = databaseNow();
    try {
      const isSettled = await inTransaction(this.dataSource, async (transaction) => {
        if (!(await this.orders.touch(transaction, order, at))) return false;
        await this.apply(transaction, order, incident, decision.action);
        await this.record(transaction, order, incident, decision, at);
        await this.changeStatus(transaction, { ...order, version: order.version + 1 }, incident, decision);
        return true;
      });
      if (isSettled) this.noteSettled(order, incident, decision);
      return isSettled ? at : undefined;
    } catch (error) {
      if (error instanceof Overtaken) return undefined;
      throw error;
    }
  }

  /** After the commit. */
  private noteSettled(order: Order, incident: NamedIncident, decision: Decision): void {
    countResolution(incident, decision);
    if (isGivenUp(incident, decision)) this.lateConfirmations.noteGivenUp(order);
  }

  /** Adds the decision to the history of an order that has been touched. */
  async record(
    transaction: Sql,
    order: Order,
    incident: NamedIncident,
    { action, reason, actor }: Decision,
    at: Date,
  ): Promise<void> {
    const units = action === 'write_off' ? unitsOf(order, incident) : [];
    const data = {
      incident: incident.id,
      kind: incident.kind,
      action,
      ...(units.length > 0 && { units_perhaps_held: units }),
    };
    const change = { type: 'incident_settled', actor, reason, data, at } as const;
    await this.orders.insertEvent(transaction, order.id, order.version + 1, change, null, null);
  }

  private async apply(
    sql: Sql,
    order: Order,
    incident: NamedIncident,
    action: IncidentAction,
  ): Promise<void> {
    switch (incident.kind) {
      case 'reservation':
        return this.settleReservation(sql, order, incident, action);
      case 'stock_release':
        if (action === 'write_off') await this.writeOffStock(sql, order);
        return this.settleTask(sql, incident.kind, incident, action);
      case 'webhook_failed':
        await this.settleDelivery(sql, incident, action);
        return this.settleTask(sql, incident.kind, incident, action);
      case 'notification':
      case 'cart_checkout':
      case 'paid_without_stock':
      case 'stock_lost':
        return this.settleTask(sql, incident.kind, incident, action);
      case 'pending_order':
        throw new Error('pending orders are completed by their placement');
    }
  }

  /** What a decision makes of the order, as an event of its own behind that of the decision. */
  private async changeStatus(
    sql: Sql,
    order: Order,
    incident: NamedIncident,
    decision: Decision,
  ): Promise<void> {
    if (isGivenUp(incident, decision)) await this.lateConfirmations.giveUp(sql, order, decision);
  }

  private async settleReservation(
    sql: Sql,
    order: Order,
    { orderId, number: line, productId = '' }: NamedIncident,
    action: IncidentAction,
  ): Promise<void> {
    if (action !== 'retry') {
      const isHeld = action === 'release';
      const reservationId = reservationIdOf(order);
      // Of a line that is stuck the journal knows more than the order, for which it may be held all the time.
      const wasStuck = await this.journal.resolveStuck(
        sql,
        { orderId, reservationId, line, productId },
        isHeld,
      );
      const from = wasStuck ? (['held', 'in_doubt'] as const) : (['in_doubt'] as const);
      const settled = await this.orders.setReservation(
        sql,
        orderId,
        [line],
        from,
        isHeld ? 'held' : 'released',
      );
      if (settled.length === 0) throw new Overtaken();
    }
    if (action !== 'write_off') await this.releaseByTask(sql, order);
  }

  /**
   * Returns the stock by the usual release task, which knows the rules of idempotency. Behind a running task the new
   * one has little left to do.
   */
  private async releaseByTask(sql: Sql, { id, version }: Order): Promise<void> {
    if ((await this.tasks.retryDead(sql, RELEASE_STOCK, [id])) > 0) return;
    await this.tasks.insert(sql, [releaseStockTask(id, version + 1)]);
  }

  private async writeOffStock(sql: Sql, order: Order): Promise<void> {
    // What was to be released is gone, and reserved again since.
    if (isLive(order.status) || (await this.lateConfirmations.isUnderWay(sql, order))) return;
    const lines = order.items.map((item) => item.id);
    await this.orders.setReservation(sql, order.id, lines, ['held', 'in_doubt'], 'released');
    const reservationId = reservationIdOf(order);
    for (const { orderId, id: line, productId } of order.items) {
      await this.journal.resolveStuck(sql, { orderId, reservationId, line, productId }, false);
    }
  }

  private async settleDelivery(
    sql: Sql,
    { orderId, endpointId = '', number: seq }: NamedIncident,
    action: IncidentAction,
  ): Promise<void> {
    const state = action === 'retry' ? 'retrying' : 'skipped';
    await this.deliveries.setState(sql, { orderId, endpointId, seq }, state);
  }

  /** By compare-and-set: a task that ran again since it was listed is another incident. */
  private async settleTask(
    sql: Sql,
    kind: TaskIncidentKind,
    { orderId, endpointId, leaseVersion }: NamedIncident,
    action: IncidentAction,
  ): Promise<void> {
    const task = taskKindOf({ kind, endpointId });
    const isSettled =
      action === 'retry'
        ? (await this.tasks.retryDead(sql, task, [orderId], leaseVersion)) > 0
        : await this.tasks.writeOffDead(sql, task, orderId, leaseVersion);
    if (!isSettled) throw new Overtaken();
  }
}

/**
 * The payment by which a retry would confirm an order, if it is not valid any more and there is no other. The version of the
 * order that is compared with the decision's write protects the answer.
 */
export function endedPayment(
  order: Order,
  { kind }: Pick<NamedIncident, 'kind'>,
  { action }: Decision,
): Payment | undefined {
  const isConfirmation = kind === 'paid_without_stock' && action === 'retry';
  return isConfirmation && paymentsToConfirm(order) === undefined ? confirmingOf(order.payments) : undefined;
}

/** Whether a decision gives an order up whose payment came too late. */
function isGivenUp({ kind }: NamedIncident, { action }: Decision): boolean {
  return kind === 'paid_without_stock' && action === 'write_off';
}

/** Units that the inventory may hold for good when an incident about stock is written off, for the history. */
function unitsOf(order: Order, { kind, number }: NamedIncident): object[] {
  const isAbout = (line: number): boolean =>
    kind === 'stock_release' || (kind === 'reservation' && line === number);
  return order.items
    .filter(({ id, reservation }) => isAbout(id) && reservation !== 'released')
    .map(({ id, productId, quantity }) => ({ line: id, product_id: productId, quantity }));
}
