import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CartChange, StoredCart } from '../../../sandbox/cart.server.ts';
import type { Message } from '../../../sandbox/notification.server.ts';
import type { ServiceName } from '../../../sandbox/service-server.ts';
import type { LedgerEntry, StockedProduct } from '../../../sandbox/stock.ts';
import type { CampaignOptions } from '../campaign/options.ts';
import { eventually, type Process, startProcess } from './processes.ts';

/** A fault rule as the control calls of the stand-ins take it; sandbox/faults.ts explains each field. */
export interface FaultRuleJson {
  kind: 'delay' | 'hang' | 'refuse' | 'reset' | 'status' | 'garbage' | 'truncate' | 'away';
  when?: 'before' | 'after';
  method?: string;
  path?: string;
  times?: number;
  probability?: number;
  seed?: number;
  ms?: number;
  status?: number;
  retry_after_seconds?: number;
  for_ms?: number;
}

const SANDBOX = fileURLToPath(new URL('../../../sandbox/main.ts', import.meta.url));

export type StockState = StockedProduct & { initial_quantity: number };

const START_TIMEOUT_MS = 30_000;

/** Short, because the stand-in's default delay of a message would dominate the campaign. */
const NOTIFICATION_DELAY_MS = 5;

/** The stand-ins in separate processes, and what their control calls report. */
export class Upstreams {
  readonly urls: Readonly<Record<ServiceName, string>>;
  private readonly processes: readonly Process[];

  private constructor(urls: Readonly<Record<ServiceName, string>>, processes: readonly Process[]) {
    this.urls = urls;
    this.processes = processes;
  }

  static async start(options: Pick<CampaignOptions, 'inventory'>, folder: string): Promise<Upstreams> {
    // The catalog of system B mixes up the responses to parallel calls, which the default settings allow for.
    const first = await startStandIns(folder, 'stand-ins', ['--catalog-shares-cursor']);
    if (options.inventory !== 'plain') return new Upstreams(first.urls, [first.process]);
    // Only the inventory ignores keys, so it is a separate process.
    const plain = await startStandIns(folder, 'plain-inventory', ['--ignore-idempotency-keys']);
    return new Upstreams({ ...first.urls, inventory: plain.urls.inventory }, [first.process, plain.process]);
  }

  async setStock(products: readonly StockedProduct[]): Promise<void> {
    for (const service of ['inventory', 'notification'] as const) {
      await this.call(service, 'POST', 'reset', { stock: products, carts: [] });
    }
  }

  /** Changes the stock of a product from outside, as other sellers do. */
  async setQuantity(productId: string, quantity: number): Promise<void> {
    await this.call('inventory', 'PUT', `stock/${productId}`, { quantity });
  }

  /** Gives a customer a new active cart. @returns its id */
  async giveCart(
    customer: string,
    items: readonly { product_id: string; quantity: number }[],
  ): Promise<string> {
    const answer = await this.call<{ cart: StoredCart }>('carts', 'PUT', `carts/${customer}`, { items });
    return String(answer.cart.id);
  }

  addFault(service: ServiceName, rule: FaultRuleJson): Promise<{ id: number }> {
    return this.call(service, 'POST', 'faults', rule);
  }

  /** Removes every rule and releases hanging calls. @returns how many calls each kind has disturbed */
  async clearFaults(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const service of ['inventory', 'notification', 'catalog', 'carts'] as const) {
      const { rules } = await this.call<{ rules: (FaultRuleJson & { injected: number })[] }>(
        service,
        'GET',
        'faults',
      );
      for (const { kind, when, status, injected } of rules) {
        const isAlwaysBefore = kind === 'away' || kind === 'refuse';
        const moment = isAlwaysBefore ? '' : ` ${when ?? 'before'} the effect`;
        const name = `${service}: ${kind === 'status' ? String(status) : kind}${moment}`;
        counts.set(name, (counts.get(name) ?? 0) + injected);
      }
      await this.call(service, 'DELETE', 'faults');
      await this.call(service, 'POST', 'faults/release');
    }
    return counts;
  }

  async stock(): Promise<StockState[]> {
    return (await this.call<{ products: StockState[] }>('inventory', 'GET', 'stock')).products;
  }

  ledger(): Promise<LedgerEntry[]> {
    return this.readLog<LedgerEntry>('inventory', 'ledger', (page) => page as LogPage<LedgerEntry>);
  }

  messages(): Promise<Message[]> {
    return this.readLog<Message>('notification', 'notifications', (page) => page as LogPage<Message>);
  }

  async carts(): Promise<{ carts: StoredCart[]; changes: CartChange[] }> {
    const { carts } = await this.call<{ carts: StoredCart[] }>('carts', 'GET', 'carts?limit=0');
    const changes = await this.readLog<CartChange>(
      'carts',
      'carts',
      (page) => (page as { changes: LogPage<CartChange> }).changes,
    );
    return { carts, changes };
  }

  async close(): Promise<void> {
    for (const process of this.processes) process.signal('SIGKILL');
    await Promise.all(this.processes.map((process) => process.ended));
  }

  private async readLog<T>(
    service: ServiceName,
    path: string,
    pageOf: (body: unknown) => LogPage<T>,
  ): Promise<T[]> {
    const entries: T[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: LogPage<T> = pageOf(await this.call<unknown>(service, 'GET', `${path}?after=${after}`));
      entries.push(...page.entries);
      after = page.next_after;
    }
    return entries;
  }

  private async call<T>(service: ServiceName, method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.urls[service]}/sandbox/${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the stand-in ${service} refused ${method} ${path}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

interface LogPage<T> {
  entries: T[];
  next_after: number | null;
}

async function startStandIns(
  folder: string,
  name: string,
  more: string[],
): Promise<{ urls: Record<ServiceName, string>; process: Process }> {
  const ports = ['inventory', 'notification', 'catalog', 'carts'].flatMap((one) => [`--${one}-port`, '0']);
  const args = [SANDBOX, ...ports, '--carts-carry-items', ...more];
  args.push('--notification-delay-ms', String(NOTIFICATION_DELAY_MS));
  const process = startProcess(args, {}, join(folder, `${name}.log`));
  const read = (): [string, string][] =>
    [...process.output().matchAll(/^(\w+) +listens on (\S+)$/gm)].map(([, one = '', url = '']) => [one, url]);
  await eventually(() => read().length === 4 || process.hasEnded(), START_TIMEOUT_MS);
  // The lines are written at once, but may arrive in two chunks.
  await sleep(0);
  const urls = Object.fromEntries(read()) as Record<ServiceName, string>;
  if (Object.keys(urls).length !== 4) throw new Error('the stand-ins did not start');
  return { urls, process };
}
