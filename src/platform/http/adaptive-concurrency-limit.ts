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

/** The delay is not measured after this many samples without a request: a second. */
const QUIET_LOOKS = 10;

const SHRINK = 0.8;
const GROW = 1.1;

/**
 * Removes permits while the event loop is overloaded, and returns them afterwards, so that admitted requests stay
 * quick at any load. Waiting for others, such as a slow inventory, is not load. A queue in front absorbs bursts.
 * During a lasting overload a queue would only add latency, so it gets short (the idea of CoDel, RFC 8289).
 *
 * The delay is measured only while requests come: the measurement wakes the process 200 times a second, which is most of
 * what an idle instance would cost.
 */
export class AdaptiveConcurrencyLimit {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private timer: NodeJS.Timeout | undefined;
  private quietLooks = 0;
  private limit: number;
  private refused = 0;
  private looksWithRefusals = 0;

  /** @param most permits of the bulkhead, which it has now */
  constructor(
    readonly bulkhead: CallerBulkhead,
    private readonly most: number,
  ) {
    this.limit = most;
  }

  /** Current time limit of the queue, in milliseconds. */
  get admissionMs(): number {
    return this.isLasting ? SHORT_ADMISSION_MS : ADMISSION_MS;
  }

  get isMeasuring(): boolean {
    return this.timer !== undefined;
  }

  /** To be called for each request: the delay is measured from the first one on. */
  noteRequest(): void {
    this.quietLooks = 0;
    if (this.isMeasuring) return;
    this.delay.reset();
    this.delay.enable();
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** To be called for each request that was refused because there were too many, and not for the share of its caller. */
  noteRefusal(): void {
    this.refused += 1;
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
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
    this.quietLooks = this.bulkhead.inUse > 0 ? 0 : this.quietLooks + 1;
    // Not before all permits are back.
    if (this.quietLooks >= QUIET_LOOKS && this.limit === this.most) this.stop();
  }
}
