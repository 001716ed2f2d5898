import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { CallerBulkhead } from './load/caller-bulkhead.js';

/** How often the delay is looked at: often enough to follow a burst, with enough in between to be measured. */
const LOOK_MS = 100;

/** How exactly the delay is measured. */
const RESOLUTION_MS = 5;

/**
 * Average queueing delay of the event loop that counts as overload. A placement resumes some ten times until its
 * answer, and queues as often.
 */
const TOO_LATE_MS = 25;

/** The threshold during a lasting overload, so that admitted requests stay quick. */
const LASTINGLY_TOO_LATE_MS = 5;

/**
 * A quarter of the permits always stays, or a machine that is busy with something else would refuse every request.
 */
const LEAST = 0.25;

/**
 * Queueing time of a burst: short enough for admitted clients not to notice, and for refused clients to learn it
 * soon.
 */
export const ADMISSION_MS = 50;

/** Long enough to keep a request queued whenever a permit becomes free. */
const SHORT_ADMISSION_MS = 5;

/** Refusals in this many samples in a row are no burst: half a second. */
const LASTING_LOOKS = 5;

const SHRINK = 0.8;
const GROW = 1.1;

/**
 * Removes permits while the event loop is overloaded, and returns them afterwards, so that admitted requests stay
 * quick at any load. Waiting for others, such as a slow inventory, is not load. A queue in front absorbs bursts.
 * During a lasting overload a queue would only add latency, so it gets short (the idea of CoDel, RFC 8289).
 */
export class AdaptiveConcurrencyLimit {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly timer: NodeJS.Timeout;
  private limit: number;
  private refused = 0;
  private looksWithRefusals = 0;

  /** @param most permits of the bulkhead, which it has now */
  constructor(
    readonly bulkhead: CallerBulkhead,
    private readonly most: number,
  ) {
    this.limit = most;
    this.delay.enable();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  /** Current time limit of the queue, in milliseconds. */
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

  /** A burst ends sooner, and is served completely; a longer overload exceeds the capacity. */
  private get isLasting(): boolean {
    return this.looksWithRefusals >= LASTING_LOOKS;
  }

  private look(): void {
    const lateMs = this.delay.mean / 1e6 - RESOLUTION_MS;
    this.delay.reset();
    const tooLateMs = this.isLasting ? LASTINGLY_TOO_LATE_MS : TOO_LATE_MS;
    const wanted = lateMs > tooLateMs ? this.limit * SHRINK : Math.ceil(this.limit * GROW);
    this.limit = Math.min(this.most, Math.max(Math.ceil(this.most * LEAST), Math.floor(wanted)));
    this.bulkhead.resize(this.limit);
    this.looksWithRefusals = this.refused > 0 ? this.looksWithRefusals + 1 : 0;
    this.refused = 0;
  }
}
