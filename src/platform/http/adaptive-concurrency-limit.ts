import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { CallerBulkhead } from './load/caller-bulkhead.js';

/** How often the delay is looked at: often enough to follow a burst, with enough in between to be measured. */
const LOOK_MS = 100;

/** How exactly the delay is measured. */
const RESOLUTION_MS = 5;

/**
 * Work that is ready waits for this long on average when the process has more to do than it can. A placement is taken up
 * again some ten times until it is answered, and waits as often.
 */
const TOO_LATE_MS = 25;

/** What is too late while others are refused all the time: those who are let in are then to be as quick as ever. */
const LASTINGLY_TOO_LATE_MS = 5;

/** A quarter of all are always let in, or a machine that is busy with something else would keep everybody out. */
const LEAST = 0.25;

/** A burst may wait for this long to begin: hardly noticed by who gets in, and soon told to who does not. */
export const ADMISSION_MS = 50;

/** Long enough for somebody to be there whenever a place becomes free. */
const SHORT_ADMISSION_MS = 5;

/** Refusals in so many looks on end are no burst: half a second. */
const LASTING_LOOKS = 5;

const SHRINK = 0.8;
const GROW = 1.1;

/**
 * Takes permits away while the process has too much to do, and gives them back as long as it has not: requests with a
 * permit are then done as quickly as ever, however many come. Waiting for others, such as a slow inventory, is nothing to do.
 *
 * Waiting in front of it lets a burst be done. Where some are refused all the time it is no burst: a line would
 * only make everybody late, and gets short (the idea of CoDel, RFC 8289).
 */
export class AdaptiveConcurrencyLimit {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly timer: NodeJS.Timeout;
  private places: number;
  private refused = 0;
  private looksWithRefusals = 0;

  /** @param most permits of the bulkhead, which it has now */
  constructor(
    readonly bulkhead: CallerBulkhead,
    private readonly most: number,
  ) {
    this.places = most;
    this.delay.enable();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  /** How long one who comes now may wait to be let in, in milliseconds. */
  get admissionMs(): number {
    return this.isLasting ? SHORT_ADMISSION_MS : ADMISSION_MS;
  }

  /** To be called for each request that was refused because there were too many, and not for the share of its caller. */
  noteRefusal(): void {
    this.refused += 1;
  }

  stop(): void {
    clearInterval(this.timer);
    this.delay.disable();
  }

  /** A burst is over sooner, and is all done; what lasts is more than can be done. */
  private get isLasting(): boolean {
    return this.looksWithRefusals >= LASTING_LOOKS;
  }

  private look(): void {
    const lateMs = this.delay.mean / 1e6 - RESOLUTION_MS;
    this.delay.reset();
    const tooLateMs = this.isLasting ? LASTINGLY_TOO_LATE_MS : TOO_LATE_MS;
    const wanted = lateMs > tooLateMs ? this.places * SHRINK : Math.ceil(this.places * GROW);
    this.places = Math.min(this.most, Math.max(Math.ceil(this.most * LEAST), Math.floor(wanted)));
    this.bulkhead.resize(this.places);
    this.looksWithRefusals = this.refused > 0 ? this.looksWithRefusals + 1 : 0;
    this.refused = 0;
  }
}
