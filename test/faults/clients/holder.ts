import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import { EXTENDED_SECONDS, type HoldStep } from './hold-wishes.ts';
import type { ClientPayment, ClientRecord, HoldRecord, HoldRequest } from './record.ts';

/** Of reports that confirm nothing: any amount will do. */
const REPORTED_AMOUNT = 5;

/** Whether an order that was held is confirmed. */
function isConfirmed({ requests }: HoldRecord, { changes }: ClientRecord): boolean {
  const confirmations = [
    ...requests.filter(({ kind }) => kind === 'confirm'),
    ...changes.filter(({ to }) => to === 'confirmed'),
  ];
  return confirmations.some(({ told }) => told.some(({ status }) => status === 200));
}

/** Takes the steps of clients whose stock is held while they pay. */
export class Holder {
  private readonly client: Client;
  /** Lets the time of the hold of an order pass. */
  private readonly endHold: (orderId: string) => Promise<void>;

  constructor(client: Client, endHold: (orderId: string) => Promise<void>) {
    this.client = client;
    this.endHold = endHold;
  }

  /** @returns whether the order is confirmed after the last step */
  async take(steps: readonly HoldStep[][], record: ClientRecord, orderId: string): Promise<boolean> {
    const { hold } = record;
    if (!hold) return true;
    for (const step of steps) await Promise.all(step.map((one) => this.act(one, record, hold, orderId)));
    return isConfirmed(hold, record);
  }

  private async act(step: HoldStep, record: ClientRecord, hold: HoldRecord, orderId: string): Promise<void> {
    if (step.afterMs) await sleep(step.afterMs);
    switch (step.kind) {
      case 'end':
        hold.ended.push(orderId);
        return this.endHold(orderId);
      case 'await-end':
        return this.client.watch(record, orderId, 'reserved');
      case 'cancel':
        return this.client.change(record, orderId, 'cancelled');
      case 'confirm-by-status':
        return this.client.change(record, orderId, 'confirmed');
      case 'extend':
        return this.ask(hold, { orderId, kind: 'extend', payment: null }, { hold_seconds: EXTENDED_SECONDS });
      case 'confirm':
        return this.confirm(hold, orderId, step.payment);
      case 'payments':
        return this.ask(
          hold,
          { orderId, kind: 'payments', payment: step.payment },
          { ...step.payment, amount: REPORTED_AMOUNT },
        );
    }
  }

  private confirm(hold: HoldRecord, orderId: string, payment: ClientPayment | null): Promise<void> {
    return this.ask(hold, { orderId, kind: 'confirm', payment }, payment ? { payment } : {});
  }

  private async ask(hold: HoldRecord, about: Omit<HoldRequest, 'told'>, body: object): Promise<void> {
    const request: HoldRequest = { ...about, told: [] };
    hold.requests.push(request);
    await this.client.ask(request, body);
  }
}
