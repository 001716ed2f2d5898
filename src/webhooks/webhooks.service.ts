import { Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import { databaseNow } from '../platform/database/database-clock.js';
import { EndpointRegistry } from './delivery/endpoint-registry.js';
import { WebhookDispatcher } from './dispatch/webhook-dispatcher.js';
import {
  type EndpointStanding,
  EndpointStandingsRepository,
  IDLE,
  MAX_COUNTED_OFTEN,
} from './endpoints/endpoint-standings.repository.js';
import {
  type EndpointOptions,
  WebhookEndpointsRepository,
} from './endpoints/webhook-endpoints.repository.js';
import type { StoredSecret, WebhookEndpoint } from './webhook-endpoint.entity.js';
import { tooManySecrets, tooManyWebhooks, webhookNotFound } from './webhook.problems.js';
import { rotated, WebhookSecrets } from './webhook-secrets.js';
import { WebhookUrls } from './webhook-url.js';

/** The dispatcher reads all of them at each pass, and each has a runner of its own on every instance. */
export const MAX_WEBHOOKS = 100;

/** Each signs every delivery, and receivers check them one by one. */
export const MAX_SECRETS = 5;

const HOUR_MS = 3_600_000;

/** An endpoint with what waits for it. */
export interface WebhookView {
  endpoint: WebhookEndpoint;
  standing: EndpointStanding;
}

/** The only time that a secret is shown. */
export interface WebhookWithSecret extends WebhookView {
  secret: string;
}

/** Manages the endpoints that receive events. Every change is logged with its actor, without the secret and the path of the URL. */
@Injectable()
export class WebhooksService {
  private readonly logger = new Logger('Webhooks');

  constructor(
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly standings: EndpointStandingsRepository,
    private readonly secrets: WebhookSecrets,
    private readonly urls: WebhookUrls,
    private readonly registry: EndpointRegistry,
    private readonly dispatcher: WebhookDispatcher,
  ) {}

  async list(): Promise<WebhookView[]> {
    const endpoints = await this.endpoints.findAll();
    const standings = await this.standings.measure(
      endpoints.map(({ id }) => id),
      MAX_COUNTED_OFTEN,
    );
    return endpoints.map((endpoint, index) => ({ endpoint, standing: standings[index] ?? IDLE }));
  }

  /** @throws {Problem} webhook-not-found */
  async find(id: string): Promise<WebhookEndpoint> {
    return known(id, isUuid(id) ? await this.endpoints.find(id) : undefined);
  }

  /** @throws {Problem} webhook-not-found */
  async get(id: string): Promise<WebhookView> {
    return this.view(await this.find(id));
  }

  /** @throws {Problem} invalid-request, too-many-webhooks */
  async create(options: EndpointOptions, actor: string): Promise<WebhookWithSecret> {
    this.urls.requireAllowed(options.url);
    const { secret, stored } = this.newSecret();
    const endpoint = await this.endpoints.insertUnlessFull(
      { ...options, id: uuidv7(), secret: stored },
      MAX_WEBHOOKS,
    );
    if (!endpoint) throw tooManyWebhooks(MAX_WEBHOOKS);
    await this.changed(endpoint, actor, 'A webhook was created');
    return { endpoint, standing: IDLE, secret };
  }

  /** @throws {Problem} invalid-request, webhook-not-found */
  async update(id: string, changes: Partial<EndpointOptions>, actor: string): Promise<WebhookView> {
    await this.find(id);
    if (changes.url !== undefined) this.urls.requireAllowed(changes.url);
    const endpoint = known(id, await this.endpoints.update(id, changes));
    await this.changed(endpoint, actor, 'A webhook was changed');
    return this.view(endpoint);
  }

  /** What waits for the endpoint is deleted in the background. @throws {Problem} webhook-not-found */
  async delete(id: string, actor: string): Promise<void> {
    const endpoint = await this.find(id);
    if (!(await this.endpoints.markDeleted(id))) throw webhookNotFound(id);
    await this.changed(endpoint, actor, 'A webhook was deleted');
  }

  /** Continues where the endpoint was disabled. @throws {Problem} webhook-not-found */
  async enable(id: string, actor: string): Promise<WebhookView> {
    await this.find(id);
    const endpoint = known(id, await this.endpoints.enable(id));
    await this.changed(endpoint, actor, 'A webhook was enabled');
    return this.view(endpoint);
  }

  /** @throws {Problem} webhook-not-found */
  async disable(id: string, actor: string): Promise<WebhookView> {
    await this.find(id);
    const endpoint = known(id, await this.endpoints.disable(id));
    await this.changed(endpoint, actor, 'A webhook was disabled');
    return this.view(endpoint);
  }

  /** @throws {Problem} webhook-not-found, too-many-secrets */
  async rotateSecret(id: string, validHours: number, actor: string): Promise<WebhookWithSecret> {
    await this.find(id);
    const { secret, stored } = this.newSecret();
    const replaced = await this.endpoints.replaceSecrets(id, (earlier) => {
      const secrets = rotated(earlier, stored.secret, new Date(stored.created_at), validHours * HOUR_MS);
      if (secrets.length > MAX_SECRETS) throw tooManySecrets(MAX_SECRETS);
      return secrets;
    });
    const endpoint = known(id, replaced);
    await this.changed(endpoint, actor, 'The secret of a webhook was rotated');
    return { ...(await this.view(endpoint)), secret };
  }

  /** @throws {Problem} webhook-not-found */
  async view(endpoint: WebhookEndpoint): Promise<WebhookView> {
    const [standing = IDLE] = await this.standings.measure([endpoint.id]);
    return { endpoint, standing };
  }

  private newSecret(): { secret: string; stored: StoredSecret } {
    const secret = this.secrets.generate();
    const stored = this.secrets.seal(secret);
    return { secret, stored: { secret: stored, created_at: databaseNow().toISOString(), valid_until: null } };
  }

  /**
   * Logs a change, and lets this instance know of it. The others find it at their next look, and so does this one after an
   * error: the change is stored, and its response may hold a secret that is not shown again.
   */
  private async changed({ id, url }: WebhookEndpoint, actor: string, message: string): Promise<void> {
    this.logger.log({ endpointId: id, actor, host: new URL(url).host }, message);
    this.dispatcher.wake();
    await this.registry.refresh().catch((error: unknown) => {
      this.logger.warn({ err: error, endpointId: id }, 'The webhooks of this instance could not be renewed');
    });
  }
}

function known(id: string, endpoint: WebhookEndpoint | undefined): WebhookEndpoint {
  if (!endpoint) throw webhookNotFound(id);
  return endpoint;
}
