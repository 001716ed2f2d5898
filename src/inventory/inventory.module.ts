import { HttpService } from '@nestjs/axios';
import { Logger, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '../config/settings.js';
import { Inventory, StockJournal } from '../orders/order.ports.js';
import { UpstreamClient } from '../platform/upstream/upstream-client.js';
import { UpstreamHttpModule } from '../platform/upstream/upstream-http.module.js';
import { InventoryServiceAdapter } from './inventory-service.adapter.js';
import { ProductCatalogAdapter } from './catalog/product-catalog.adapter.js';
import { ReservationsAdapter } from './reservations.adapter.js';
import { CatalogJournalRepository, NoStockJournal } from './catalog/stock-journal.repository.js';

/** Chooses the inventory: the catalog of system B when its address is set, else one of the two of system A. */
function createInventory(settings: Settings, http: HttpService, dataSource: DataSource): Inventory {
  const timeoutMs = settings.UPSTREAM_TIMEOUT_MS;
  const rememberMs = settings.PRODUCT_MEMORY_MS;
  if (settings.PRODUCT_CATALOG_SERVICE_URL) {
    const baseUrl = settings.PRODUCT_CATALOG_SERVICE_URL;
    const client = new UpstreamClient(http, {
      name: 'product catalog service',
      baseUrl,
      timeoutMs,
      concurrency: settings.PRODUCT_CATALOG_CONCURRENCY,
    });
    return new ProductCatalogAdapter(client, dataSource, {
      poolSize: settings.DATABASE_POOL_SIZE,
      rememberMs,
      isExclusive: settings.PRODUCT_CATALOG_CONCURRENCY === 1,
    });
  }
  const baseUrl = settings.INVENTORY_SERVICE_URL;
  const client = new UpstreamClient(http, { name: 'inventory service', baseUrl, timeoutMs });
  if (settings.INVENTORY_API === 'reservations') return new ReservationsAdapter(client, rememberMs);
  const honoursKeys = settings.INVENTORY_HONOURS_IDEMPOTENCY_KEYS;
  new Logger('Inventory').log(honoursKeys ? REPEATED : NEVER_REPEATED);
  return new InventoryServiceAdapter(client, honoursKeys, rememberMs);
}

const NEVER_REPEATED =
  'The inventory is assumed to ignore idempotency keys, so a reservation without an answer is never repeated and ' +
  'becomes an incident. If it honours them, set INVENTORY_HONOURS_IDEMPOTENCY_KEYS=true';

const REPEATED =
  'The inventory is trusted to act once per idempotency key (INVENTORY_HONOURS_IDEMPOTENCY_KEYS=true), so calls ' +
  'without an answer are repeated';

function createStockJournal(settings: Settings, dataSource: DataSource): StockJournal {
  return settings.PRODUCT_CATALOG_SERVICE_URL
    ? new CatalogJournalRepository(dataSource)
    : new NoStockJournal();
}

/** Provides `Inventory` and `StockJournal`. */
@Module({
  imports: [UpstreamHttpModule],
  providers: [
    {
      provide: Inventory,
      inject: [Settings, HttpService, DataSource],
      useFactory: createInventory,
    },
    { provide: StockJournal, inject: [Settings, DataSource], useFactory: createStockJournal },
  ],
  exports: [Inventory, StockJournal],
})
export class InventoryModule {}
