import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { Notifications } from '../orders/order.ports.js';
import { UpstreamHttpModule } from '../platform/upstream/upstream-http.module.js';
import { HttpNotifications } from './http-notifications.js';
import { NotificationDeliverer } from './notification-deliverer.js';

/** Notifies customers of changes of their orders. */
@Module({})
export class NotificationModule {
  /** @param imports modules that provide `OrderRepository` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: NotificationModule,
      imports: [UpstreamHttpModule, ...imports],
      providers: [{ provide: Notifications, useClass: HttpNotifications }, NotificationDeliverer],
    };
  }
}
