import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { AddressGuard } from './delivery/address-guard.js';
import { DeliveryRecords } from './delivery/delivery-records.js';
import { DeliveryRepository } from './delivery/delivery.repository.js';
import { EndpointRegistry } from './delivery/endpoint-registry.js';
import { WebhookClient } from './delivery/webhook-client.js';
import { WebhookDeliverer } from './delivery/webhook-deliverer.js';
import { DispatchRepository } from './dispatch/dispatch.repository.js';
import { WebhookDispatcher } from './dispatch/webhook-dispatcher.js';
import { EndpointRemoval } from './endpoints/endpoint-removal.js';
import { EndpointRemovalRepository } from './endpoints/endpoint-removal.repository.js';
import { EndpointStandingsRepository } from './endpoints/endpoint-standings.repository.js';
import { WebhookMetrics } from './endpoints/webhook.metrics.js';
import { StoredSecrets } from './endpoints/stored-secrets.js';
import { WebhookEndpointsRepository } from './endpoints/webhook-endpoints.repository.js';
import { FeedPosition } from './replay/feed-position.js';
import { WebhookReplays } from './replay/webhook-replays.js';
import { WebhookActionsController } from './webhook-actions.controller.js';
import { WebhookDeliveriesRepository } from './history/webhook-deliveries.repository.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhookTestCall } from './webhook-test-call.js';
import { WebhookUrls } from './webhook-url.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** The endpoints of others, to which the events of the feed are sent. */
@Module({})
export class WebhooksModule {
  /** @param imports modules that provide `OrderRepository`, `EventFeedRepository` and `Sequencer` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: WebhooksModule,
      imports,
      controllers: [WebhooksController, WebhookActionsController],
      providers: [
        AddressGuard,
        {
          provide: WebhookClient,
          inject: [AddressGuard, Settings],
          useFactory: (guard: AddressGuard, settings: Settings) => new WebhookClient(guard, settings),
        },
        DeliveryRepository,
        DeliveryRecords,
        DispatchRepository,
        EndpointRegistry,
        WebhookDeliverer,
        WebhookDispatcher,
        WebhookSecrets,
        StoredSecrets,
        WebhookUrls,
        WebhookEndpointsRepository,
        EndpointStandingsRepository,
        WebhookMetrics,
        WebhooksService,
        WebhookTestCall,
        WebhookDeliveriesRepository,
        FeedPosition,
        WebhookReplays,
        EndpointRemovalRepository,
        EndpointRemoval,
      ],
    };
  }
}
