import { Readable } from 'node:stream';
import type { Owner } from '../ownership.js';
import type { OrderChange } from './order-changes.repository.js';
import { isBehind, type StreamPosition, toText } from './stream-position.js';

/** Bytes that a client may be behind with: more than it is sent at once when it comes back, and a burst beside. */
const MAX_BEHIND_BYTES = 1_048_576;

/** After which a client that was cut off comes back, in milliseconds. */
const RETRY_MS = 1_000;

/** The client takes less than there is. It comes back and goes on where it was. */
export class TooSlow extends Error {
  constructor() {
    super('the client reads too slowly');
    this.name = 'TooSlow';
  }
}

/** Somebody who follows orders: what is written to it (server-sent events, WHATWG HTML 9.2), and up to where. */
export class StreamClient {
  readonly stream = new Readable({ read: () => undefined });

  /** @param position behind which it is told of everything */
  constructor(
    private readonly owner: Owner,
    private position: StreamPosition,
  ) {}

  /** It knows of everything before it. */
  get place(): StreamPosition {
    return this.position;
  }

  /** Tells it where it is, so that it can come back even if nothing happens, and when. */
  begin(): void {
    this.write(`retry: ${RETRY_MS}\nid: ${toText(this.position)}\n\n`);
  }

  /** Tells it that there is no going on from where it was: whatever it shows has to be read anew. */
  reset(position: StreamPosition): void {
    this.position = position;
    this.write(`event: reset\nid: ${toText(position)}\ndata: {}\n\n`);
  }

  /** Tells of a change, unless it was told before or is about an order of somebody else. */
  offer(change: OrderChange): void {
    if (!isBehind(change.position, this.position)) return;
    this.position = change.position;
    if (this.owner !== null && change.customerId !== this.owner) return;
    this.write(`event: change\nid: ${toText(this.position)}\ndata: ${JSON.stringify(dataOf(change))}\n\n`);
  }

  /** Notes that it was told of everything before a place. */
  advance(position: StreamPosition): void {
    if (isBehind(position, this.position)) this.position = position;
  }

  /** Keeps the connection, and says up to where nothing is missing although nothing came. */
  beat(): void {
    this.write(`: nothing new\nid: ${toText(this.position)}\n\n`);
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
