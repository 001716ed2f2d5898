import { isDeepStrictEqual } from 'node:util';
import {
  acceptances,
  type ClientRecord,
  isReferenced,
  placements,
  type Poll,
  type Told,
  type WriteTold,
} from '../clients/record.ts';
import { PRICE } from '../clients/wishes.ts';
import { type Evidence, LIVE, type OrderRow } from './evidence.ts';
import type { Violation } from './violation.ts';

/** P1: every response that a client received is true. */
function judgeTold(record: ClientRecord, { orders, events, items }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const fault = (what: string, orderId: string | null): void => {
    violations.push({ promise: 'P1', what, orderId: orderId ?? undefined, client: record.n });
  };
  for (const { orderId, status } of placements(record)) {
    const order = orders.get(orderId ?? '');
    if (!order) {
      fault(`a response reported the order as ${status}, and it does not exist`, orderId);
      continue;
    }
    const own = events.get(order.id) ?? [];
    if (!own.some((event) => event.to === status)) {
      fault(`a response reported the order as ${status}; it is ${order.status} and never was that`, orderId);
    }
    const stored = (items.get(order.id) ?? []).map((item) => `${item.quantity} ${item.productId}`);
    const wanted = record.items.map((item) => `${item.quantity} ${item.product_id}`);
    if (stored.join() !== wanted.join())
      fault(`wanted ${wanted.join()}, the order has ${stored.join()}`, orderId);
    const total = totalOf(
      record,
      (items.get(order.id) ?? []).reduce((sum, item) => sum + item.quantity, 0),
    );
    if (Math.round(Number(order.total) * 100) !== total)
      fault(`the total is ${order.total}, and lines and charges make ${total / 100}`, orderId);
    const metadata = record.isToErase ? null : (record.details.metadata ?? null);
    if (!record.isToErase && !isDeepStrictEqual(withoutCorrections(record, order.metadata), metadata))
      fault(`the metadata are ${JSON.stringify(order.metadata)}`, orderId);
  }
  for (const { orderId } of acceptances(record)) {
    if (!orders.has(orderId ?? '')) fault('a response accepted the order; it does not exist', orderId);
  }
  for (const { orderId, to, told } of record.changes) {
    for (const { status, version } of told) {
      if (status !== 200) continue;
      const own = events.get(orderId) ?? [];
      // Setting the current status changes nothing and adds no event.
      if (!own.some((event) => event.to === to && event.seq <= (version ?? 0))) {
        fault(
          `a response reported the status ${to} at version ${version}, and the order never had it`,
          orderId,
        );
      }
    }
  }
  return violations;
}

/** The metadata that the order was placed with. */
function withoutCorrections(
  { corrections }: ClientRecord,
  metadata: Record<string, unknown> | null,
): Record<string, unknown> | null {
  const fields = new Set(corrections.map(({ field }) => field));
  const placed = Object.entries(metadata ?? {}).filter(([field]) => !fields.has(field));
  return placed.length > 0 ? Object.fromEntries(placed) : null;
}

/** P1, P3: a correction that was answered is there, and none was applied twice. */
function judgeCorrections(record: ClientRecord, { orders, events }: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const { orderId, field, told } of record.corrections) {
    const isDone = told.some(({ status }) => status === 200);
    const isThere = orders.get(orderId)?.metadata?.[field] === record.n;
    if (isDone && !isThere) {
      const what = `a response reported the correction ${field}, and the order does not have it`;
      violations.push({ promise: 'P1', what, orderId, client: record.n });
    }
  }
  for (const [orderId, requests] of Map.groupBy(record.corrections, (one) => one.orderId)) {
    const applied = (events.get(orderId) ?? []).filter(({ type }) => type === 'corrected').length;
    const there = requests.filter(({ field }) => orders.get(orderId)?.metadata?.[field] === record.n).length;
    if (applied === there) continue;
    const what = `${there} corrections changed the order, and ${applied} events report one`;
    violations.push({ promise: 'P3', what, orderId, client: record.n });
  }
  return violations;
}

/** What an order costs in hundredths: whole numbers, so that the sum is exact. */
function totalOf({ details: { charges = [] } }: ClientRecord, units: number): number {
  const added = charges.filter(({ included }) => included !== true);
  return units * PRICE * 100 + added.reduce((sum, { amount }) => sum + Math.round(amount * 100), 0);
}

/** Responses that must be identical when they are repeated. */
function isCertain(told: Told): boolean {
  if (told.status === 503) return told.type === '/problems/placement-failed';
  // A 202 is followed by another response once the order is complete.
  if (told.status === 202) return false;
  const isInProgress = told.type?.endsWith('-in-progress') ?? false;
  return told.status !== null && told.status < 500 && !isInProgress;
}

/** P3: one key is one order and one response, and one cart is one live order. */
function judgeKeys(record: ClientRecord, orders: readonly OrderRow[], violations: Violation[]): void {
  const fault = (what: string, orderId?: string): void => {
    violations.push({ promise: 'P3', what, orderId, client: record.n });
  };
  for (const [key, told] of Map.groupBy(record.told, (one) => one.key)) {
    if (key === null) continue;
    const expiredAt = record.keyExpiredAt ?? Infinity;
    const answers = new Set(
      told.filter((one) => isCertain(one) && one.at < expiredAt).map((one) => `${one.status} ${one.body}`),
    );
    if (answers.size > 1) fault(`the key ${key} was answered differently: ${[...answers].join(' | ')}`);
    const ids = new Set(told.flatMap((one) => one.orderId ?? []));
    if (record.kind !== 'cart' && !isReferenced(record) && ids.size > 1)
      fault(`the key ${key} stands for ${[...ids].join(', ')}`);
  }
  const keys = new Set(record.told.map((one) => one.key));
  const isRepeatable = record.key === null || isReferenced(record);
  const mayHave = isRepeatable ? record.told.length : keys.size;
  if (orders.length > mayHave) {
    fault(`${mayHave} orders were asked for, and there are ${orders.length}`, orders[0]?.id);
  }
}

/** P3: one reference is one order, with and without a key, whenever it is repeated. A rejected or failed order frees it. */
function judgeReferences({ orders, records }: Evidence, violations: Violation[]): void {
  const referenced = [...orders.values()].filter(({ sourceOrderId }) => sourceOrderId !== null);
  for (const [reference, own] of Map.groupBy(referenced, (one) => `${one.source} ${one.sourceOrderId}`)) {
    const kept = own.filter(({ status }) => status !== 'rejected' && status !== 'failed');
    if (kept.length < 2) continue;
    const what = `the reference ${reference} has the orders ${kept.map(({ id }) => id).join(', ')}`;
    violations.push({ promise: 'P3', what, orderId: kept[0]?.id });
  }
  for (const record of records.filter(isReferenced)) {
    const ids = new Set(placements(record).map(({ orderId }) => orderId));
    if (ids.size > 1)
      violations.push({
        promise: 'P3',
        what: `a reference was answered with ${[...ids].join(', ')}`,
        client: record.n,
      });
  }
}

/** Nothing of an erased customer is left anywhere. */
function judgeErasures({ leaks }: Evidence): Violation[] {
  return leaks.map(({ client, table, column }) => ({
    promise: 'erased',
    what: `${table}.${column} still has data of an erased customer`,
    client,
  }));
}

function judgeCarts({ orders, carts, events }: Evidence, violations: Violation[]): void {
  const byCart = Map.groupBy(
    [...orders.values()].filter((order) => order.cartId !== null),
    (order) => order.cartId ?? '',
  );
  const had = (id: string, status: string): boolean =>
    events.get(id)?.some((event) => event.to === status) ?? false;
  const hasExpired = (id: string): boolean => had(id, 'expired');
  const wasConfirmed = (id: string): boolean => had(id, 'confirmed');
  for (const [cartId, own] of byCart) {
    const live = own.filter((order) => LIVE.has(order.status) && !hasExpired(order.id));
    if (live.length > 1) {
      const what = `cart ${cartId} has the live orders ${live.map((order) => order.id).join(', ')}`;
      violations.push({ promise: 'P3', what, orderId: live[0]?.id });
    }
    // Once its hold has expired, an order leaves the cart to others, and a late confirmation may find it taken.
    const mayBeTaken = own.length > 1 && !own.some(({ id }) => wasConfirmed(id) && !hasExpired(id));
    const isOrdered = carts.find((cart) => String(cart.id) === cartId)?.status === 'Ordered';
    const isConfirmed = own.some(({ id }) => wasConfirmed(id));
    if (isOrdered !== isConfirmed && !(isConfirmed && mayBeTaken)) {
      const what = isConfirmed
        ? `cart ${cartId} was never checked out`
        : `cart ${cartId} was checked out, and no order of it was confirmed`;
      violations.push({ promise: 'P4', what, orderId: own[0]?.id });
    }
  }
}

/** Whether an error is none of those that a fault of the campaign makes: no service, or garbage of the inventory. */
function isUnexpected(told: Told | Poll | WriteTold): boolean {
  const { status } = told;
  if (status === null || status < 500 || status === 503) return false;
  return !(status === 502 && 'type' in told && told.type === '/problems/upstream-answer-invalid');
}

/** Unexpected errors, which no promise covers. */
function judgeAnswers(record: ClientRecord): Violation[] {
  const writes = [...record.changes, ...record.corrections, ...(record.hold?.requests ?? [])].flatMap(
    ({ told }) => told,
  );
  const answers = [...record.told, ...record.polls, ...writes];
  return answers.filter(isUnexpected).map(({ status, instance, at }) => ({
    promise: 'other',
    what: `${instance} answered ${status} after ${(at / 1_000).toFixed(1)} s`,
    client: record.n,
  }));
}

/** The promises that concern clients. */
export function judgeClients(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const byAddress = Map.groupBy(evidence.orders.values(), (order) => order.email);
  const byCustomer = Map.groupBy(evidence.orders.values(), (order) => order.customerId);
  for (const record of evidence.records) {
    const own = record.customerId === null ? byAddress.get(record.email) : byCustomer.get(record.customerId);
    violations.push(
      ...judgeTold(record, evidence),
      ...judgeCorrections(record, evidence),
      ...judgeAnswers(record),
    );
    judgeKeys(record, own ?? [], violations);
  }
  judgeCarts(evidence, violations);
  judgeReferences(evidence, violations);
  return [...violations, ...judgeErasures(evidence)];
}
