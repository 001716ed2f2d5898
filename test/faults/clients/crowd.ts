import { setTimeout as sleep } from 'node:timers/promises';
import type { CampaignOptions } from '../campaign/options.ts';
import { Random } from '../campaign/random.ts';
import type { CampaignDatabase } from '../world/database.ts';
import { endHold } from '../world/holds.ts';
import type { Instance } from '../world/instance.ts';
import type { Upstreams } from '../world/upstreams.ts';
import { Client } from './client.ts';
import { Holder } from './holder.ts';
import { type ClientRecord, isReferenced, placements, type Told } from './record.ts';
import { drawWish, type Wish } from './wishes.ts';

/** Delay of each client before its next order while the faults are behind their schedule. */
const BRAKE_MS = 1_000;

/** Orders that clients may be ahead of a due fault, per order in flight. */
const SLACK = 4;

/** Requests that are repeated after the last fault: enough to include every kind of order. */
const LATE_REPETITIONS = 300;

/** What clients need of the world. */
interface CrowdWorld {
  upstreams: Upstreams;
  instances: readonly Instance[];
  database: CampaignDatabase;
}

/** Many concurrent clients, each with one order after another. */
export class Crowd {
  readonly records: ClientRecord[] = [];
  private readonly wishes: Wish[] = [];
  private readonly client: Client;
  private readonly holder: Holder;
  private readonly startedAt = performance.now();
  private started = 0;
  private dealtWith = 0;
  private isOver = false;

  private readonly options: CampaignOptions;
  private readonly upstreams: Upstreams;
  /** The number of completed orders at which the next fault is due. */
  private readonly nextDue: () => number;

  constructor(
    options: CampaignOptions,
    { upstreams, instances, database }: CrowdWorld,
    nextDue: () => number,
  ) {
    this.options = options;
    this.upstreams = upstreams;
    this.nextDue = nextDue;

    const random = Random.of(options.seed, 'targets');
    this.client = new Client(
      () => random.pick(instances),
      () => this.now(),
      () => !this.isOver,
      options.patienceSeconds * 1_000,
    );
    this.holder = new Holder(this.client, (orderId) => endHold(database, orderId));
  }

  /** Completed orders: answered, or given up. */
  get progress(): number {
    return this.dealtWith;
  }

  /** Runs until it is stopped, and at least until all orders are placed. */
  async work(hasMoreToMeet: () => boolean): Promise<void> {
    const goesOn = (): boolean => !this.isOver && (this.started < this.options.orders || hasMoreToMeet());
    const workers = Array.from({ length: this.options.clients }, async () => {
      while (goesOn()) {
        if (this.started > this.nextDue() + SLACK * this.options.clients) await sleep(BRAKE_MS);
        this.started += 1;
        await this.fulfil(drawWish(this.options.seed, this.started));
        this.dealtWith += 1;
      }
    });
    await Promise.all(workers);
  }

  stop(): void {
    this.isOver = true;
  }

  /**
   * Repeats requests that were answered long ago or never, as a queue that was stopped over a weekend: the keys of those
   * with a reference have expired.
   */
  async repeat(expire: (keys: readonly string[]) => Promise<void>): Promise<void> {
    this.isOver = false;
    const known = this.wishes.filter(
      ({ record }) =>
        (record.key !== null || isReferenced(record)) && record.told.length > 0 && !record.isToErase,
    );
    const queue = Random.of(this.options.seed, 'repeat').shuffle(known).slice(0, LATE_REPETITIONS);
    const referenced = queue.map(({ record }) => record).filter(isReferenced);
    await expire(
      referenced
        .flatMap(({ key, told }) => [key, ...told.map((one) => one.key)])
        .filter((key) => key !== null),
    );
    for (const record of referenced) record.keyExpiredAt = this.now();
    const workers = Array.from({ length: this.options.clients }, async () => {
      for (let wish = queue.pop(); wish; wish = queue.pop()) {
        await this.client.place(wish.record, wish.record.key);
      }
    });
    await Promise.all(workers);
    this.isOver = true;
  }

  private async changeOrder({ record, changes, corrections, hold }: Wish, orderId: string): Promise<void> {
    const corrected = Array.from({ length: record.isToErase ? 0 : corrections }, (_, n) =>
      this.client.correct(record, orderId, `correction-${n}`),
    );
    const isConfirmed = hold === null || (await this.holder.take(hold.steps, record, orderId));
    for (const step of isConfirmed ? changes : [])
      await Promise.all(step.map((to) => this.client.change(record, orderId, to)));
    await Promise.all(corrected);
  }

  private async fulfil(wish: Wish): Promise<void> {
    const { record } = wish;
    this.records.push(record);
    this.wishes.push(wish);
    if (record.kind === 'cart') {
      record.cartId = await this.upstreams.giveCart(record.customerId ?? '', record.items);
    }
    const copies = Array.from({ length: wish.copies }, (_, copy) =>
      this.client.place(record, wish.ownKeys && record.key !== null ? `${record.key}-${copy}` : record.key),
    );
    const told = await Promise.all(copies);
    const accepted = told.find((one: Told) => one.status === 202);
    if (accepted?.orderId && record.key === null && !isReferenced(record))
      await this.client.watch(record, accepted.orderId);
    const [placed] = placements(record);
    if (placed?.orderId) await this.changeOrder(wish, placed.orderId);
    if (wish.isRepeated && !wish.ownKeys) await this.client.place(record, record.key);
    if (record.isToErase && placed) await this.client.erase(record);
  }

  private now(): number {
    return performance.now() - this.startedAt;
  }
}
