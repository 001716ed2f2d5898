import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { OrderRepository } from './order.repository.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { AddressRepository } from './addresses/address.repository.js';
import { AddressUpkeep } from './addresses/address-upkeep.js';
import { BulkStatusController } from './bulk/bulk-status.controller.js';
import { BulkStatus } from './bulk/bulk-status.js';
import { OrderExportController } from './export/order-export.controller.js';
import { OrderExport } from './export/order-export.js';
import { RejectedOrdersRepository } from './retention/rejected-orders.repository.js';
import { Retention } from './retention/retention.js';
import { IdempotencyRepository } from './placement/idempotency.repository.js';
import { OrderDrafts } from './placement/order-drafts.js';
import { PlaceOrderSaga } from './placement/place-order-saga.js';
import { PlacementResumption } from './placement/placement-resumption.js';
import { PlaceOrderHandler } from './placement/place-order-handler.js';
import { PlacementRunner } from './placement/placement-runner.js';
import { PlacementRepository } from './placement/placement.repository.js';
import { PlacementTransactions } from './placement/placement-transactions.js';
import { PricingRepository } from './placement/pricing.repository.js';
import { StockRelease } from './placement/stock-release.js';
import { OrderPreviewController } from './preview/order-preview.controller.js';
import { OrderPreview } from './preview/order-preview.js';

/** Orders. The composition root chooses the adapters of its ports. */
@Module({})
export class OrdersModule {
  /** @param imports modules that provide `Inventory` and `ShoppingCarts` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: OrdersModule,
      imports,
      controllers: [OrderPreviewController, BulkStatusController, OrderExportController, OrdersController],
      providers: [
        OrderRepository,
        IdempotencyRepository,
        OrderDrafts,
        PlacementRepository,
        PlacementTransactions,
        PlaceOrderSaga,
        PricingRepository,
        PlacementRunner,
        PlaceOrderHandler,
        OrderPreview,
        PlacementResumption,
        StockRelease,
        RejectedOrdersRepository,
        Retention,
        AddressRepository,
        AddressUpkeep,
        OrdersService,
        BulkStatus,
        OrderExport,
      ],
      exports: [OrderRepository, PlaceOrderSaga],
    };
  }
}
