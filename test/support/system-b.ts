import type { Sandbox } from '../../sandbox/sandbox.js';
import { startFleet, type TestFleet } from './builders.js';
import type { TestResponse, TestService } from './service.js';

/** One instance with the default settings, beside a catalog and carts of system B. */
export interface SystemB {
  fleet: TestFleet;
  service: TestService;
  sandbox: Sandbox;
  /** `POST /orders/{customer_id}`: without items and other members it has no body and orders the cart. */
  order: (customer: string | number, items?: unknown, more?: object) => Promise<TestResponse>;
  /** Gives a customer a new active cart. */
  giveCart: (customer: string, lines: [product: string, quantity: number][]) => void;
}

const settings = ({ urls }: Sandbox) => ({ PRODUCT_CATALOG_SERVICE_URL: urls.catalog });

/** The catalog mixes up the answers to parallel calls, which the default settings allow for. */
export async function startSystemB(): Promise<SystemB> {
  const fleet = await startFleet(1, settings, { catalogSharesCursor: true });
  const [service] = fleet.services as [TestService];
  const { sandbox } = fleet;
  return {
    fleet,
    service,
    sandbox,
    order: (customer, items, more) => {
      const body = items === undefined && more === undefined ? undefined : { items, ...more };
      return service.request('POST', `/orders/${customer}`, body);
    },
    giveCart: (customer, lines) => {
      const items = lines.map(([product, quantity]) => ({ product_id: product, quantity }));
      sandbox.carts.give(customer, items, { route: 'test', key: null });
    },
  };
}
