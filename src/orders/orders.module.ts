import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { OrderRepository } from './order.repository.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { AddressRepository } from './addresses/address.repository.js';
import { AddressUpkeep } from './addresses/address-upkeep.js';
import { OrderClaimsRepository } from './claims/order-claims.repository.js';
import { BulkStatusController } from './bulk/bulk-status.controller.js';
import { BulkStatus } from './bulk/bulk-status.js';
import { Corrections } from './corrections/corrections.js';
import { CorrectionsController } from './corrections/corrections.controller.js';
import { CorrectionsRepository } from './corrections/corrections.repository.js';
import { Confirmations } from './holds/confirmations.js';
import { HoldExpiry } from './holds/hold-expiry.js';
import { HoldExtension } from './holds/hold-extension.js';
import { HoldsController } from './holds/holds.controller.js';
import { HoldsRepository } from './reservation/holds.repository.js';
import { LateConfirmation } from './holds/late-confirmation.js';
import { LateConfirmationRepository } from './holds/late-confirmation.repository.js';
import { LateConfirmations } from './holds/late-confirmations.js';
import { StatusChanges } from './status/status-changes.js';
import { OrderExportController } from './export/order-export.controller.js';
import { OrderExport } from './export/order-export.js';
import { StockKeeper } from './holds/stock-keeper.js';
import { StockKeeperRepository } from './holds/stock-keeper.repository.js';
import { RejectedOrdersRepository } from './retention/rejected-orders.repository.js';
import { OldWebhookDeliveriesRepository } from './retention/old-webhook-deliveries.repository.js';
import { Retention } from './retention/retention.js';
import { BackgroundPlacements } from './place-order/background-placements.js';
import { PlaceOrderHandler } from './place-order/place-order-handler.js';
import { PlaceOrderSaga } from './place-order/place-order-saga.js';
import { PlaceOrderRepository } from './place-order/place-order.repository.js';
import { OrderPricing } from './place-order/pricing.js';
import { StockRelease } from './place-order/stock-release.js';
import { PaymentReports } from './payment-reports/payment-reports.js';
import { PaymentReportsController } from './payment-reports/payment-reports.controller.js';
import { PaymentReportsRepository } from './payment-reports/payment-reports.repository.js';
import { OrderPreviewController } from './preview/order-preview.controller.js';
import { OrderPreview } from './preview/order-preview.js';
import { OrderSearchRepository } from './search/order-search.repository.js';
import { SearchIndex } from './search/search-index.js';

/** Orders. The composition root chooses the adapters of its ports. */
@Module({})
export class OrdersModule {
  /** @param imports modules that provide `Inventory` and `ShoppingCarts` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: OrdersModule,
      imports,
      controllers: [
        OrderPreviewController,
        BulkStatusController,
        OrderExportController,
        OrdersController,
        CorrectionsController,
        HoldsController,
        PaymentReportsController,
      ],
      providers: [
        OrderRepository,
        OrderClaimsRepository,
        OrderPricing,
        PlaceOrderRepository,
        PlaceOrderSaga,
        BackgroundPlacements,
        PlaceOrderHandler,
        StockRelease,
        StockKeeper,
        StockKeeperRepository,
        OrderPreview,
        RejectedOrdersRepository,
        OldWebhookDeliveriesRepository,
        Retention,
        AddressRepository,
        AddressUpkeep,
        OrdersService,
        BulkStatus,
        CorrectionsRepository,
        Corrections,
        HoldsRepository,
        StatusChanges,
        PaymentReportsRepository,
        PaymentReports,
        LateConfirmationRepository,
        LateConfirmation,
        LateConfirmations,
        Confirmations,
        HoldExtension,
        HoldExpiry,
        OrderExport,
        OrderSearchRepository,
        SearchIndex,
      ],
      exports: [OrderRepository, OrderClaimsRepository, PlaceOrderSaga, LateConfirmationRepository],
    };
  }
}
