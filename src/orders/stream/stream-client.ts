import { Readable } from 'node:stream';
import type { Owner } from '../ownership.js';
import type { OrderChange } from './order-changes.repository.js';
import { isBehind, type StreamPosition } from './stream-position.js';

/** Unsent bytes per client, at most: more than a full replay on reconnection, and a burst beside it. */
const MAX_BEHIND_BYTES = 1_048_576;

/** Reconnection delay that clients are given, in milliseconds. */
const RETRY_MS = 1_000;

/** The client reads too slowly. It reconnects and resumes where it was. */
export class TooSlow extends Error {
  constructor() {
    super('the client reads too slowly');
    this.name = 'TooSlow';
  }
}

/** A follower of orders: the server-sent events written to it (WHATWG HTML 9.2), and its position. */
export class StreamClient {
  readonly stream = new Readable({ read: () => undefined });

  /** @param position the client receives every event after it */
  constructor(
    private readonly owner: Owner,
    private position: StreamPosition,
  ) {}

  /** The client has received all events up to it. */
  get place(): StreamPosition {
    return this.position;
  }

  /** Sends its position, so that it can resume even if no event follows, and when to reconnect. */
  begin(): void {
    this.write(`retry: ${RETRY_MS}\nid: ${this.position.id}\n\n`);
  }

  /** The client can't continue from where it was, so it must read the orders again. */
  reset(position: StreamPosition): void {
    this.position = position;
    this.write(`event: reset\nid: ${position.id}\ndata: {}\n\n`);
  }

  /** Sends an event, unless the client has it already or it is about the order of another customer. */
  offer(change: OrderChange): void {
    if (!isBehind(change.position, this.position)) return;
    this.position = change.position;
    if (this.owner !== null && change.customerId !== this.owner) return;
    this.write(`event: change\nid: ${this.position.id}\ndata: ${JSON.stringify(dataOf(change))}\n\n`);
  }

  /** Heartbeat: keeps the connection open and sends the position, which events of other customers move too. */
  beat(): void {
    this.write(`: nothing new\nid: ${this.position.id}\n\n`);
  }

  /** What was written is still sent. */
  end(): void {
    if (!this.stream.destroyed && !this.stream.readableEnded) this.stream.push(null);
  }

  private write(text: string): void {
    if (this.stream.destroyed || this.stream.readableEnded) return;
    this.stream.push(text);
    if (this.stream.readableLength > MAX_BEHIND_BYTES) this.stream.destroy(new TooSlow());
  }
}

function dataOf({ orderId, seq, type, fromStatus, toStatus, actor, occurredAt }: OrderChange) {
  return {
    order_id: orderId,
    version: seq,
    type,
    from: fromStatus,
    to: toStatus,
    actor,
    time: occurredAt.toISOString(),
  };
}
