import { expect } from '@jest/globals';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { line, newProduct, selectRows } from './builders.js';
import { type PlaceOrderBody, succeeded } from './client.js';
import type { TestDatabase } from './database.js';
import type { TestService } from './service.js';

/** A person with a unique name and address. */
export interface Person {
  customer: string;
  name: string;
  address: string;
}

let peopleMade = 0;

export function newPerson(): Person {
  peopleMade += 1;
  const word = `quagmire-${peopleMade}-`;
  return {
    customer: `customer ${peopleMade}`,
    name: `Zebulon ${word}`,
    address: `zebulon.${word}@example.org`,
  };
}

/** The body of an order of a person who will be erased, for a new product. */
export function orderOf(
  sandbox: Sandbox,
  { customer, name, address }: Person,
  more: Partial<PlaceOrderBody> = {},
): PlaceOrderBody {
  const items = [line(newProduct(sandbox))];
  return { items, customer_name: name, customer_email: address, customer_id: customer, ...more };
}

/** Erases the personal data of a customer. @returns the response */
export async function eraseCustomer(
  service: TestService,
  customer: string,
): Promise<{ count: number; more: boolean }> {
  const params = { path: { customer_id: customer } };
  return succeeded(service.api.DELETE('/customers/{customer_id}/personal-data', { params }));
}

/** The history of an order, from the API. */
export async function eventsOf(
  service: TestService,
  orderId: string,
): Promise<{ type: string; to: string; data: unknown }[]> {
  return (await service.request('GET', `/orders/${orderId}/events`)).body.events;
}

/** The tables of the database that contain a text in any column. */
export async function tablesWith(database: TestDatabase, text: string): Promise<string[]> {
  const tables = await selectRows<{ name: string }>(
    database,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
  );
  expect(tables.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['public.orders', 'public.idempotency_keys', 'public.tasks']),
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await selectRows(database, `SELECT 1 FROM ${name} t WHERE t::text ILIKE $1 LIMIT 1`, [
      `%${text}%`,
    ]);
    if (rows.length > 0) found.push(name);
  }
  return found.toSorted();
}
