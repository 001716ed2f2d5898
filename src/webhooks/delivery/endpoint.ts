import { Logger } from '@nestjs/common';
import { UpstreamCircuit } from '../../platform/upstream/upstream-circuit.js';
import type { WebhookEndpoint } from '../webhook-endpoint.entity.js';
import { MAX_RETRY_AFTER_MS } from './delivery-policy.js';
import type { AttemptResult } from './webhook-client.js';

/** What deliveries need of an endpoint. */
export type EndpointConfiguration = Pick<WebhookEndpoint, 'id' | 'url' | 'state' | 'secrets' | 'updatedAt'>;

/** Statuses by which a receiver refuses everything for now (RFC 9110, section 15.5.9; RFC 6585, section 4). */
const REFUSES_ALL = new Set([408, 429]);

/** Statuses whose `Retry-After` is about every call (RFC 9110, section 15.6.4; RFC 6585, section 4). */
const NAMES_A_REST = new Set([429, 503]);

/** After a shorter outage the pauses of the deliveries are so short that they need no help. */
const LONG_OUTAGE_MS = 60_000;

/**
 * Waiting deliveries are made due at most this often after outages. An event that the receiver never accepts looks like an outage where
 * others are rare; it has its longest pause, an hour, so this at most doubles its attempts.
 */
const HURRY_INTERVAL_MS = 3_600_000;

/** An attempt that says more about the endpoint than about the event. */
class EndpointFault extends Error {
  constructor(readonly result: AttemptResult) {
    super('the endpoint fails');
    this.name = 'EndpointFault';
  }
}

/** An endpoint on this instance: its latest configuration, and its circuit. */
export class Endpoint {
  private readonly logger = new Logger('Webhooks');
  private readonly circuit: UpstreamCircuit;
  /** The end of the rest that the endpoint asked for. */
  private restsUntil = -Infinity;
  /** Since when attempts have failed without a success. */
  private failingSince: number | undefined;
  private isBack = false;
  private hurriedAt = -Infinity;

  constructor(private current: EndpointConfiguration) {
    this.circuit = new UpstreamCircuit(
      `webhook endpoint ${current.id}`,
      (failure) => failure instanceof EndpointFault,
      false,
    );
  }

  get configuration(): EndpointConfiguration {
    return this.current;
  }

  /** Attempts that may run at a time. Deliveries of an endpoint that is disabled, fails, or asked for a rest, wait. */
  get room(): number {
    return this.isResting ? 0 : this.circuit.room;
  }

  /**
   * Whether deliveries that wait for their next attempts are worth one now: a person has changed the endpoint, or it is back after
   * a long outage.
   */
  get wantsHurry(): boolean {
    return this.isBack && !this.isResting && performance.now() - this.hurriedAt >= HURRY_INTERVAL_MS;
  }

  /** Takes over the endpoint as it is stored. A change by a person ends a rest. */
  apply(configuration: EndpointConfiguration): void {
    const isChanged = configuration.updatedAt.getTime() !== this.current.updatedAt.getTime();
    this.current = configuration;
    if (!isChanged) return;
    this.restsUntil = -Infinity;
    this.hurriedAt = -Infinity;
    this.isBack = true;
  }

  /** The waiting deliveries are due. */
  noteHurry(): void {
    this.isBack = false;
    this.hurriedAt = performance.now();
  }

  /** Makes an attempt at an event of an order. @returns undefined when the endpoint rests, or its circuit is open */
  async attempt(orderId: string, send: () => Promise<AttemptResult>): Promise<AttemptResult | undefined> {
    if (this.isResting) return undefined;
    try {
      const made = await this.circuit.run({ subject: orderId, caller: undefined }, async () => {
        const result = await send();
        this.note(result);
        if (isFaultOfEndpoint(result)) throw new EndpointFault(result);
        return result;
      });
      return made?.value;
    } catch (error) {
      if (error instanceof EndpointFault) return error.result;
      throw error;
    }
  }

  disable(): void {
    this.current = { ...this.current, state: 'disabled' };
  }

  close(): void {
    this.circuit.close();
  }

  private get isResting(): boolean {
    return this.current.state !== 'enabled' || performance.now() < this.restsUntil;
  }

  private note(result: AttemptResult): void {
    const now = performance.now();
    if (result.error === null) {
      if (now - (this.failingSince ?? now) >= LONG_OUTAGE_MS) this.isBack = true;
      this.failingSince = undefined;
    } else if (isFaultOfEndpoint(result)) this.failingSince ??= now;
    const { status, retryAfterMs } = result;
    if (status !== null && NAMES_A_REST.has(status) && retryAfterMs !== undefined)
      this.rest(now + Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }

  /** Logged once a rest: it may last for a day. */
  private rest(until: number): void {
    const now = performance.now();
    if (now >= this.restsUntil)
      this.logger.warn(
        { endpointId: this.current.id, seconds: Math.round((until - now) / 1_000) },
        'A webhook endpoint asked for a rest',
      );
    this.restsUntil = Math.max(this.restsUntil, until);
  }
}

/** Other statuses may be about the one event. */
function isFaultOfEndpoint({ status }: AttemptResult): boolean {
  return status === null || status >= 500 || REFUSES_ALL.has(status);
}
