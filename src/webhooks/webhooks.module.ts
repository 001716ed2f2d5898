import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { AddressGuard } from './delivery/address-guard.js';
import { DeliveryRepository } from './delivery/delivery.repository.js';
import { EndpointRegistry } from './delivery/endpoint-registry.js';
import { WebhookClient } from './delivery/webhook-client.js';
import { WebhookDeliverer } from './delivery/webhook-deliverer.js';
import { DispatchRepository } from './dispatch/dispatch.repository.js';
import { WebhookDispatcher } from './dispatch/webhook-dispatcher.js';
import { WebhookSecrets } from './webhook-secrets.js';

/** Sends the events of the feed to endpoints of others. */
@Module({})
export class WebhooksModule {
  /** @param imports modules that provide `OrderRepository` and `Sequencer` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: WebhooksModule,
      imports,
      providers: [
        AddressGuard,
        {
          provide: WebhookClient,
          inject: [AddressGuard, Settings],
          useFactory: (guard: AddressGuard, settings: Settings) => new WebhookClient(guard, settings),
        },
        DeliveryRepository,
        DispatchRepository,
        EndpointRegistry,
        WebhookDeliverer,
        WebhookDispatcher,
        WebhookSecrets,
      ],
    };
  }
}
