import { UpstreamCircuit } from '../../platform/upstream/upstream-circuit.js';
import type { WebhookEndpoint } from '../webhook-endpoint.entity.js';
import type { AttemptResult } from './webhook-client.js';

/** What deliveries need of an endpoint. */
export type EndpointConfiguration = Pick<WebhookEndpoint, 'id' | 'url' | 'state' | 'secrets'>;

/** Statuses by which a receiver refuses everything for now (RFC 9110, section 15.5.9; RFC 6585, section 4). */
const REFUSES_ALL = new Set([408, 429]);

/** An attempt that says more about the endpoint than about the event. */
class EndpointFault extends Error {
  constructor(readonly result: AttemptResult) {
    super('the endpoint fails');
    this.name = 'EndpointFault';
  }
}

/** An endpoint on this instance: its latest configuration, and its circuit. */
export class Endpoint {
  private readonly circuit: UpstreamCircuit;

  constructor(public configuration: EndpointConfiguration) {
    this.circuit = new UpstreamCircuit(
      `webhook endpoint ${configuration.id}`,
      (failure) => failure instanceof EndpointFault,
      false,
    );
  }

  /** Attempts that may begin now. Deliveries of an endpoint that is disabled, or fails, rest. */
  get room(): number {
    return this.configuration.state === 'enabled' ? this.circuit.room : 0;
  }

  /** Makes an attempt at an event of an order. @returns undefined when the circuit is open */
  async attempt(orderId: string, send: () => Promise<AttemptResult>): Promise<AttemptResult | undefined> {
    try {
      const made = await this.circuit.run({ subject: orderId, caller: undefined }, async () => {
        const result = await send();
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
    this.configuration = { ...this.configuration, state: 'disabled' };
  }

  close(): void {
    this.circuit.close();
  }
}

/** Other statuses may be about the one event. */
function isFaultOfEndpoint({ status }: AttemptResult): boolean {
  return status === null || status >= 500 || REFUSES_ALL.has(status);
}
