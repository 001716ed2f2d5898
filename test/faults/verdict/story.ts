import type { Evidence } from './evidence.ts';
import type { Violation } from './violation.ts';

/** Longer bodies add no information. */
const SHOWN_CHARACTERS = 200;

function time(at: Date | number): string {
  return new Date(at).toISOString().slice(11, 23);
}

function listClient(evidence: Evidence, n: number): string[] {
  const record = evidence.records.find((one) => one.n === n);
  if (!record) return [];
  const items = record.items.map((item) => `${item.quantity} ${item.product_id}`).join(', ');
  return [
    `client ${n}: ${record.kind} (${items})${record.key === null ? '' : `, key ${record.key}`}`,
    ...record.told.map(
      ({ at, instance, status, fault, key, isReplay, body }) =>
        `  +${(at / 1_000).toFixed(3)} s ${instance} POST, key ${key}: ${status ?? fault}${isReplay ? ' (replayed)' : ''} ` +
        body.slice(0, SHOWN_CHARACTERS),
    ),
    ...record.polls.map(
      ({ at, instance, status, fault, orderId, is }) =>
        `  +${(at / 1_000).toFixed(3)} s ${instance} GET ${orderId}: ${status ?? fault}, ${is}`,
    ),
    ...record.changes.flatMap(({ orderId, to, told }) =>
      told.map(
        ({ at, instance, status, fault, version }) =>
          `  +${(at / 1_000).toFixed(3)} s ${instance} PUT ${orderId} ${to}: ${status ?? fault}, version ${version}`,
      ),
    ),
    ...(record.hold?.ended ?? []).map((orderId) => `  the hold of ${orderId} was ended`),
    ...(record.hold?.requests ?? []).flatMap(({ orderId, kind, payment, told }) =>
      told.map(
        ({ at, instance, status, fault, type, version }) =>
          `  +${(at / 1_000).toFixed(3)} s ${instance} POST ${orderId}/${kind} ${payment?.reference} ${payment?.state}: ` +
          `${status ?? fault} ${type ?? ''}, version ${version}`,
      ),
    ),
  ];
}

function listOrder(evidence: Evidence, orderId: string): string[] {
  const order = evidence.orders.get(orderId);
  const isOwn = (key: string | null): boolean => key?.startsWith(orderId) ?? false;
  return [
    order
      ? `order ${orderId}: ${order.status}, version ${order.version}, placed ${time(order.placedAt)}, cart ${order.cartId}`
      : `order ${orderId}: not in the database`,
    ...(evidence.items.get(orderId) ?? []).map(
      (item) => `  line ${item.line}: ${item.quantity} ${item.productId}, ${item.reservation}`,
    ),
    ...(evidence.events.get(orderId) ?? []).map(
      (event) =>
        `  event ${event.seq} ${time(event.at)} ${event.type} ${event.from} -> ${event.to} by ${event.actor}` +
        `${event.reason === null ? '' : `: ${event.reason}`} ${event.data ? JSON.stringify(event.data) : ''}`,
    ),
    ...evidence.tasks
      .filter((task) => task.orderId === orderId)
      .map((task) => `  task ${task.kind}: ${task.state}, ${task.attempts} attempts, ${task.error}`),
    ...evidence.ledger
      .filter((entry) => isOwn(entry.key) || (entry.reservation?.startsWith(orderId) ?? false))
      .map(
        (entry) =>
          `  inventory ${time(entry.at)} ${entry.product} ${entry.replay ? 'repeated' : entry.delta} ${entry.key}`,
      ),
    ...evidence.messages
      .filter((message) => message.order_id === orderId)
      .map(
        (message) =>
          `  message ${time(message.at)} ${message.status} ${message.key}${message.delivered ? '' : ' (repeated)'}`,
      ),
  ];
}

/** The full history of an order with a broken promise: requests, responses, events, calls and messages, with times. */
export function tellStory(evidence: Evidence, { orderId, client }: Violation): string {
  const order = orderId === undefined ? undefined : evidence.orders.get(orderId);
  const record =
    client === undefined
      ? evidence.records.find(
          (one) =>
            (order?.email != null && one.email === order.email) ||
            (order?.customerId != null && one.customerId === order.customerId) ||
            one.told.some((told) => orderId !== undefined && told.orderId === orderId),
        )
      : evidence.records.find((one) => one.n === client);
  const ids = new Set([orderId, ...(record?.told.map((told) => told.orderId) ?? [])]);
  return [
    ...(record ? listClient(evidence, record.n) : []),
    ...[...ids].flatMap((id) => (id ? listOrder(evidence, id) : [])),
  ].join('\n');
}
