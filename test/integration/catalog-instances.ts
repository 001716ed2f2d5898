import { expect } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import { Logger } from '@nestjs/common';
import axios from 'axios';
import { DataSource } from 'typeorm';
import { ProductCatalogMovement } from '../../src/inventory/catalog/product-catalog-movement.entity.js';
import { ProductCatalogAdapter } from '../../src/inventory/catalog/product-catalog.adapter.js';
import { LATE_EFFECT_MARGIN_MS } from '../../src/inventory/catalog/stock-mover.js';
import type { ReleaseLine, ReservationLine } from '../../src/orders/order.ports.js';
import { Deadline } from '../../src/platform/deadline.js';
import { UndiciTransport } from '../../src/platform/upstream/undici-transport.js';
import { UpstreamClient } from '../../src/platform/upstream/upstream-client.js';
import { startSandbox } from '../../sandbox/sandbox.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { createTestDatabase } from '../support/database.js';

export const TIMEOUT_MS = 300;
export const POOL_SIZE = 6;
/** The window after which a call without a response counts as finished. */
export const WINDOW_MS = TIMEOUT_MS + LATE_EFFECT_MARGIN_MS;

export const PRODUCTS = ['p1', 'p2', 'p3', 'p4', 'p5'];

export interface Instance {
  dataSource: DataSource;
  adapter: ProductCatalogAdapter;
}

/** A catalog, a database, and two service instances with separate connections and memory. */
export interface CatalogInstances {
  sandbox: Sandbox;
  one: Instance;
  other: Instance;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** @param isExclusive whether one call at a time reaches the catalog */
export async function startCatalogInstances(isExclusive = false): Promise<CatalogInstances> {
  // Some of the tests produce error log lines on purpose.
  Logger.overrideLogger(false);
  const stock = PRODUCTS.map((id) => ({ id, name: `Product ${id}`, price: 19.99, quantity: 10 }));
  const sandbox = await startSandbox({ ports: { catalog: 0 }, services: ['catalog'], stock });
  const database = await createTestDatabase();
  const transport = new UndiciTransport();
  const start = async (): Promise<Instance> => {
    const dataSource = await new DataSource({
      type: 'postgres',
      url: database.url,
      poolSize: POOL_SIZE,
      installExtensions: false,
      entities: [ProductCatalogMovement],
    }).initialize();
    const http = new HttpService(axios.create(transport.axiosDefaults()));
    const options = { name: 'product catalog service', baseUrl: sandbox.urls.catalog, timeoutMs: TIMEOUT_MS };
    const client = new UpstreamClient(http, options);
    return {
      dataSource,
      adapter: new ProductCatalogAdapter(client, dataSource, { poolSize: POOL_SIZE, isExclusive }),
    };
  };
  const [one, other] = await Promise.all([start(), start()]);
  return {
    sandbox,
    one,
    other,
    reset: async () => {
      sandbox.reset();
      await one.dataSource.query('DELETE FROM product_catalog_movements');
    },
    close: async () => {
      await transport.onApplicationShutdown();
      await sandbox.close();
      await Promise.all([one.dataSource.destroy(), other.dataSource.destroy()]);
      await database.drop();
    },
  };
}

let orders = 0;
export function newOrder(): string {
  orders += 1;
  return `order-${orders}`;
}

export function line(number: number, productId: string, quantity: number): ReservationLine {
  return { line: number, productId, quantity };
}

export function uncertain(lines: ReservationLine[]): ReleaseLine[] {
  return lines.map((each) => ({ ...each, certainlyHeld: false }));
}

export function soon(milliseconds = 10_000): Deadline {
  return Deadline.in(milliseconds);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

export const HELD = [{ line: 1, outcome: 'held' }];
export const RELEASED = [{ line: 1, outcome: 'released' }];
export const UNKNOWN = [{ line: 1, outcome: 'unknown', reason: expect.any(String) }];
