import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LoggerModule } from 'nestjs-pino';
import { AuthModule } from './auth/auth.module.js';
import { CartsModule } from './carts/carts.module.js';
import { ConfigModule } from './config/config.module.js';
import { Settings } from './config/settings.js';
import { EventFeed } from './events/event-feed.entity.js';
import { EventsModule } from './events/events.module.js';
import { HealthModule } from './health/health.module.js';
import { IdempotencyKey } from './idempotency/idempotency-key.entity.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { InventoryModule } from './inventory/inventory.module.js';
import { ProductCatalogMovement } from './inventory/catalog/product-catalog-movement.entity.js';
import { NotificationModule } from './notifications/notification.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { StockDrift } from './operations/drift/stock-drift.entity.js';
import { OrderEvent } from './orders/order-event.entity.js';
import { OrderItem } from './orders/order-item.entity.js';
import { Order } from './orders/order.entity.js';
import { OrderSearchState, OrderSearchText } from './orders/search/order-search.entity.js';
import { OrdersModule } from './orders/orders.module.js';
import { OrderClaim } from './orders/claims/order-claim.entity.js';
import { DatabaseClock } from './platform/database/database-clock.js';
import { dataSourceOptions } from './platform/database/data-source.js';
import { ProblemFilter } from './platform/http/problem.filter.js';
import { RequestValidationPipe } from './platform/http/input/validation.pipe.js';
import { type LogDestination, loggerOptions } from './platform/logger-options.js';
import { MetricsModule } from './platform/metrics/metrics.module.js';
import { Delivery } from './orders/history/delivery.entity.js';
import { Task } from './tasks/task.entity.js';
import { TasksModule } from './tasks/tasks.module.js';
import { WebhookDelivery } from './webhooks/webhook-delivery.entity.js';
import { WebhookEndpoint } from './webhooks/webhook-endpoint.entity.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

/** Every table that the service's own statements use. */
export const ENTITIES = [
  Order,
  OrderItem,
  OrderEvent,
  IdempotencyKey,
  OrderClaim,
  ProductCatalogMovement,
  StockDrift,
  Delivery,
  Task,
  EventFeed,
  OrderSearchText,
  OrderSearchState,
  WebhookEndpoint,
  WebhookDelivery,
];

/** Sums over all orders of a product may take longer than any statement of the running service. */
const REPORT_STATEMENT_TIMEOUT_MS = 300_000;

/** The framework would retry a wrong password for half a minute; see withStartRetry for what is retried. */
const NO_RETRY = { toRetry: () => false };

/** The composition root: which adapters stand behind the ports of the orders is decided here and nowhere else. */
@Module({})
export class AppModule {
  /** @param logTo where the log goes instead of to the standard output */
  static with(settings: Settings, logTo?: LogDestination): DynamicModule {
    const orders = OrdersModule.with([InventoryModule, CartsModule]);
    const events = EventsModule.with([orders]);
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings),
        LoggerModule.forRoot(loggerOptions(settings, logTo)),
        TypeOrmModule.forRootAsync({
          useFactory: async () => ({ ...(await dataSourceOptions(settings, ENTITIES)), ...NO_RETRY }),
        }),
        TasksModule,
        IdempotencyModule,
        MetricsModule,
        AuthModule,
        orders,
        NotificationModule.with([orders]),
        events,
        WebhooksModule.with([orders, events]),
        OperationsModule.with([orders, events, InventoryModule]),
        HealthModule.with(settings),
      ],
      providers: [
        DatabaseClock,
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useClass: RequestValidationPipe },
      ],
    };
  }

  /** What the report commands need, without the background work of the running service. */
  static forReports(settings: Settings): DynamicModule {
    const options = async () => ({
      ...(await dataSourceOptions(settings)),
      extra: { statement_timeout: REPORT_STATEMENT_TIMEOUT_MS },
      ...NO_RETRY,
    });
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings),
        TypeOrmModule.forRootAsync({ useFactory: options }),
        MetricsModule,
        OperationsModule.forReports([InventoryModule]),
      ],
      providers: [DatabaseClock],
    };
  }
}
