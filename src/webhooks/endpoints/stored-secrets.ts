import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { SettingsError } from '../../config/load-settings.js';
import type { StoredSecret, WebhookEndpoint } from '../webhook-endpoint.entity.js';
import { SecretUnreadable, WebhookSecrets } from '../webhook-secrets.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';

/**
 * Checks at the start that every stored secret can be read: otherwise all deliveries of its endpoint would fail. Secrets that are not
 * encrypted with the first key of `WEBHOOK_SECRET_KEY` are encrypted with it.
 */
@Injectable()
export class StoredSecrets implements OnModuleInit {
  private readonly logger = new Logger('Webhooks');

  constructor(
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly secrets: WebhookSecrets,
  ) {}

  /** @throws {SettingsError} for a key that is missing, or is not that of the stored secrets */
  async onModuleInit(): Promise<void> {
    const endpoints = await this.endpoints.findAll();
    for (const endpoint of endpoints) this.requireReadable(endpoint);
    const isOutdated = ({ secret }: StoredSecret): boolean => this.secrets.isOutdated(secret);
    for (const { id } of endpoints.filter(({ secrets }) => secrets.some(isOutdated))) {
      await this.endpoints.replaceSecrets(id, (stored) => stored.map((each) => this.encrypted(each)));
      this.logger.log({ endpointId: id }, 'The secrets of a webhook were encrypted');
    }
  }

  private encrypted(stored: StoredSecret): StoredSecret {
    return { ...stored, secret: this.secrets.seal(this.secrets.open(stored.secret)) };
  }

  private requireReadable({ id, secrets }: WebhookEndpoint): void {
    try {
      for (const { secret } of secrets) this.secrets.open(secret);
    } catch (error) {
      if (error instanceof SecretUnreadable) throw refusal(id, error);
      throw error;
    }
  }
}

function refusal(endpointId: string, { reason }: SecretUnreadable): SettingsError {
  const message =
    reason === 'missing_key'
      ? `is needed: the secrets of the webhook endpoint ${endpointId} are stored encrypted`
      : `has not the key with which the secrets of the webhook endpoint ${endpointId} are stored; start with that key too`;
  return new SettingsError([`WEBHOOK_SECRET_KEY: ${message}`]);
}
