import { randomUUID } from 'node:crypto';
import { BoundedLog, BoundedMap, type Numbered } from './bounded-log.ts';
import { answer } from './idempotency.ts';
import { readBoolean, readFields, readId, readInteger, readList, readText } from './input.ts';
import type { Call, ServiceServer } from './service-server.ts';

/** Two messages for each of a million orders; a message takes some 300 bytes. */
const MESSAGE_LIMIT = 2_000_000;

/** Messages that the state file keeps: it is written as a whole, so it has to stay small. */
const MAX_PERSISTED_MESSAGES = 10_000;

/** One accepted call to `POST /notify`. */
export interface Message extends Numbered {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly key: string | null;
  readonly order_id: string;
  readonly customer_name: string;
  readonly customer_email: string;
  readonly status: string;
  /** An earlier call had the same key. */
  readonly duplicate: boolean;
  /** The customer got a message: false for a repetition that was answered from memory. */
  readonly delivered: boolean;
}

/** The messages that the notification stand-in received. */
export class NotificationBook {
  readonly messages = new BoundedLog<Message>(MESSAGE_LIMIT);
  readonly #keys = new BoundedMap<true>(MESSAGE_LIMIT);
  private readonly changed: () => void;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  reset(): void {
    this.messages.clear();
    this.#keys.clear();
    this.changed();
  }

  /** @param delivered false for a repetition that was answered from memory */
  accept({ body, key }: Call, delivered: boolean): Message {
    const fields = readFields(body, 'the body');
    const message = this.messages.append({
      sequence: this.messages.nextSequence,
      at: Date.now(),
      key,
      order_id: readText(fields['order_id'], 'order_id'),
      customer_name: readText(fields['customer_name'], 'customer_name'),
      customer_email: readText(fields['customer_email'], 'customer_email'),
      status: readText(fields['status'], 'status'),
      duplicate: key !== null && this.#keys.has(key),
      delivered,
    });
    if (key !== null && !message.duplicate) this.#keys.set(key, true);
    this.changed();
    return message;
  }

  /** What the state file keeps: the latest messages. */
  snapshot(): unknown {
    const { total } = this.messages;
    return this.messages.page(Math.max(0, total - MAX_PERSISTED_MESSAGES), MAX_PERSISTED_MESSAGES).entries;
  }

  /** @throws {BadInput} when `snapshot` is not one */
  restore(snapshot: unknown): void {
    this.reset();
    for (const entry of readList(snapshot, 'notifications', MAX_PERSISTED_MESSAGES)) {
      const fields = readFields(entry, 'notification');
      const key = fields['key'] === null ? null : readId(fields['key'], 'key');
      this.messages.append({
        // Renumbered: the first messages of the old numbering may be gone.
        sequence: this.messages.nextSequence,
        at: readInteger(fields['at'], 'at', 0, Number.MAX_SAFE_INTEGER),
        key,
        order_id: readText(fields['order_id'], 'order_id'),
        customer_name: readText(fields['customer_name'], 'customer_name'),
        customer_email: readText(fields['customer_email'], 'customer_email'),
        status: readText(fields['status'], 'status'),
        duplicate: readBoolean(fields['duplicate'], 'duplicate'),
        delivered: readBoolean(fields['delivered'], 'delivered'),
      });
      if (key !== null) this.#keys.set(key, true);
    }
  }
}

/** System A's Notification Service. */
export function addNotification(server: ServiceServer, book: NotificationBook): void {
  server.mutate('POST', '/notify', {
    effect: (call) => {
      const message = book.accept(call, true);
      return answer(200, {
        notification_id: randomUUID(),
        message: `${message.customer_name} was notified that order ${message.order_id} is ${message.status}`,
        type: 'email',
        timestamp: new Date(message.at).toISOString(),
      });
    },
    replayed: (call) => {
      book.accept(call, false);
    },
  });
}
