import { Readable } from 'node:stream';
import type { Owner } from '../ownership.js';
import type { OrderChange } from './order-changes.repository.js';
import { isBehind, type StreamPosition } from './stream-position.js';

/**
 * Unsent messages per client, at most: two full replays. They are shared by all clients, so one that is behind needs memory
 * only for what it is sent next.
 */
const MAX_BEHIND = 4_000;

/** Messages are sent together up to this many characters, as each write costs about as much as these. */
const CHUNK_LENGTH = 16_384;

/** Reconnection delay that clients are given, in milliseconds. */
export const RETRY_MS = 1_000;

/** The client reads too slowly. It reconnects and resumes where it was. */
export class TooSlow extends Error {
  constructor() {
    super('the client reads too slowly');
    this.name = 'TooSlow';
  }
}

/** A follower of orders: the server-sent events written to it (WHATWG HTML 9.2), and its position. */
export class StreamClient {
  readonly stream = new Readable({ read: () => this.flush(true) });
  private unsent: string[] = [];
  private isWanted = true;
  private isEnding = false;
  private hasEnded = false;

  /** @param position the client receives every event after it */
  constructor(
    private readonly owner: Owner,
    private position: StreamPosition,
  ) {}

  /** Sends its position, so that it can resume even if no event follows, and when to reconnect. */
  begin(): void {
    this.write(`retry: ${RETRY_MS}\nid: ${this.position.id}\n\n`);
  }

  /** The client can't continue from where it was, so it must read the orders again. */
  reset(position: StreamPosition): void {
    this.position = position;
    this.write(`event: reset\nid: ${position.id}\ndata: {}\n\n`);
  }

  /** Sends events in their order, but for those that the client has already or that are about orders of other customers. */
  offer(changes: readonly OrderChange[]): void {
    const texts: string[] = [];
    for (const change of changes) {
      if (!isBehind(change.position, this.position)) continue;
      this.position = change.position;
      if (this.owner === null || change.customerId === this.owner) texts.push(textOf(change));
    }
    this.write(...texts);
  }

  /** Heartbeat: keeps the connection open and sends the position, which events of other customers move too. */
  beat(): void {
    this.write(`: nothing new\nid: ${this.position.id}\n\n`);
  }

  /** Unsent data is still sent. */
  end(): void {
    this.isEnding = true;
    this.flush();
  }

  private write(...texts: string[]): void {
    if (this.isEnding || this.stream.destroyed) return;
    this.unsent.push(...texts);
    this.flush();
    if (this.unsent.length > MAX_BEHIND) this.stream.destroy(new TooSlow());
  }

  /** Sends as much as the client takes. @param isWanted whether it asks for more */
  private flush(isWanted = this.isWanted): void {
    this.isWanted = isWanted;
    let next = 0;
    while (this.isWanted && next < this.unsent.length) {
      let chunk = '';
      while (next < this.unsent.length && chunk.length < CHUNK_LENGTH) {
        chunk += this.unsent[next];
        next += 1;
      }
      this.isWanted = this.stream.push(chunk);
    }
    this.unsent.splice(0, next);
    if (!this.isEnding || this.hasEnded || this.unsent.length > 0 || this.stream.destroyed) return;
    this.hasEnded = true;
    this.stream.push(null);
  }
}

const rendered = new WeakMap<OrderChange, string>();

/** An event as it is sent, which is the same for all clients. */
function textOf(change: OrderChange): string {
  const known = rendered.get(change);
  if (known !== undefined) return known;
  const text = `event: change\nid: ${change.position.id}\ndata: ${JSON.stringify(dataOf(change))}\n\n`;
  rendered.set(change, text);
  return text;
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
