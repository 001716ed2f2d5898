import { Injectable } from '@nestjs/common';
import { Tasks } from '../../tasks/tasks.service.js';
import { webhookKind } from '../webhook-task.js';
import { DeliveryRepository, type EndpointRow } from './delivery.repository.js';
import { WEBHOOK_POLICY } from './delivery-policy.js';
import { Endpoint } from './endpoint.js';
import { WebhookDeliverer } from './webhook-deliverer.js';

/** The endpoints that this instance delivers to: each has a kind of tasks of its own. */
@Injectable()
export class EndpointRegistry {
  private readonly endpoints = new Map<string, Endpoint>();
  private reads = 0;
  private applied = 0;

  constructor(
    private readonly repository: DeliveryRepository,
    private readonly tasks: Tasks,
    private readonly deliverer: WebhookDeliverer,
  ) {}

  /** Takes over the endpoints as they are stored. To be called after each change of an endpoint. @returns them */
  async refresh(): Promise<readonly EndpointRow[]> {
    const read = (this.reads += 1);
    const rows = await this.repository.listEndpoints();
    // A read that began later knows more.
    if (read < this.applied) return rows;
    this.applied = read;
    const ids = new Set(rows.map(({ id }) => id));
    for (const row of rows) this.put(row);
    for (const [id, endpoint] of this.endpoints) if (!ids.has(id)) this.remove(id, endpoint);
    for (const [id, endpoint] of this.endpoints) if (endpoint.wantsHurry) await this.hurry(id, endpoint);
    return rows;
  }

  /** After an error the next refresh repeats it. */
  private async hurry(id: string, endpoint: Endpoint): Promise<void> {
    await this.tasks.hurryAll(webhookKind(id));
    endpoint.noteHurry();
  }

  private put(row: EndpointRow): void {
    const known = this.endpoints.get(row.id);
    if (known) {
      const wasResting = known.room === 0;
      known.apply(row);
      if (wasResting && known.room > 0) this.tasks.wake();
      return;
    }
    const endpoint = new Endpoint(row);
    this.endpoints.set(row.id, endpoint);
    this.tasks.register(
      webhookKind(row.id),
      (delivery, deadline) => this.deliverer.deliver(endpoint, delivery, deadline),
      {
        ...WEBHOOK_POLICY,
        gate: () => endpoint.room,
        onDead: (deliveries) => this.repository.markFailed(row.id, deliveries),
      },
    );
  }

  private remove(id: string, endpoint: Endpoint): void {
    this.endpoints.delete(id);
    this.tasks.unregister(webhookKind(id));
    endpoint.close();
  }
}
