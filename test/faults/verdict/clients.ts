import { acceptances, type ClientRecord, confirmations, type Told } from '../clients/record.ts';
import { type Evidence, LIVE, type OrderRow } from './evidence.ts';
import type { Violation } from './violation.ts';

/** P1: every response that a client received is true. */
function judgeTold(record: ClientRecord, { orders, events, items }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const fault = (what: string, orderId: string | null): void => {
    violations.push({ promise: 'P1', what, orderId: orderId ?? undefined, client: record.n });
  };
  for (const { orderId } of confirmations(record)) {
    const order = orders.get(orderId ?? '');
    if (!order) {
      fault('a response confirmed the order, and it does not exist', orderId);
      continue;
    }
    const own = events.get(order.id) ?? [];
    if (!own.some((event) => event.to === 'confirmed')) {
      fault(`a response confirmed the order; it is ${order.status} and was never confirmed`, orderId);
    }
    const stored = (items.get(order.id) ?? []).map((item) => `${item.quantity} ${item.productId}`);
    const wanted = record.items.map((item) => `${item.quantity} ${item.product_id}`);
    if (stored.join() !== wanted.join())
      fault(`wanted ${wanted.join()}, the order has ${stored.join()}`, orderId);
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

/** Responses that must be identical when they are repeated. */
function isCertain(told: Told): boolean {
  if (told.status === 503) return told.type === '/problems/placement-failed';
  // A 202 is followed by another response once the order is complete.
  if (told.status === 202) return false;
  return told.status !== null && told.status < 500 && told.type !== '/problems/idempotency-key-in-progress';
}

/** P3: one key is one order and one response, and one cart is one live order. */
function judgeKeys(record: ClientRecord, orders: readonly OrderRow[], violations: Violation[]): void {
  const fault = (what: string, orderId?: string): void => {
    violations.push({ promise: 'P3', what, orderId, client: record.n });
  };
  for (const [key, told] of Map.groupBy(record.told, (one) => one.key)) {
    if (key === null) continue;
    const answers = new Set(told.filter(isCertain).map((one) => `${one.status} ${one.body}`));
    if (answers.size > 1) fault(`the key ${key} was answered differently: ${[...answers].join(' | ')}`);
    const ids = new Set(told.flatMap((one) => one.orderId ?? []));
    if (record.kind !== 'cart' && ids.size > 1) fault(`the key ${key} stands for ${[...ids].join(', ')}`);
  }
  const keys = new Set(record.told.map((one) => one.key));
  const mayHave = record.key === null ? record.told.length : keys.size;
  if (orders.length > mayHave) {
    fault(`${mayHave} orders were asked for, and there are ${orders.length}`, orders[0]?.id);
  }
}

function judgeCarts({ orders, carts, events }: Evidence, violations: Violation[]): void {
  const byCart = Map.groupBy(
    [...orders.values()].filter((order) => order.cartId !== null),
    (order) => order.cartId ?? '',
  );
  for (const [cartId, own] of byCart) {
    const live = own.filter((order) => LIVE.has(order.status));
    if (live.length > 1) {
      const what = `cart ${cartId} has the live orders ${live.map((order) => order.id).join(', ')}`;
      violations.push({ promise: 'P3', what, orderId: live[0]?.id });
    }
    const isOrdered = carts.find((cart) => String(cart.id) === cartId)?.status === 'Ordered';
    const wasConfirmed = own.some((order) => events.get(order.id)?.some((event) => event.to === 'confirmed'));
    if (isOrdered !== wasConfirmed) {
      const what = wasConfirmed
        ? `cart ${cartId} was never checked out`
        : `cart ${cartId} was checked out, and no order of it was confirmed`;
      violations.push({ promise: 'P4', what, orderId: own[0]?.id });
    }
  }
}

/** Unexpected errors, which no promise covers. */
function judgeAnswers(record: ClientRecord): Violation[] {
  const writes = [...record.changes, ...record.corrections].flatMap(({ told }) => told);
  const answers = [...record.told, ...record.polls, ...writes];
  return answers
    .filter(({ status }) => status !== null && status >= 500 && status !== 503)
    .map(({ status, instance, at }) => ({
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
  return violations;
}
