import type { Order } from '../api/types.ts';
import { Time } from '../time/time.tsx';
import { formatMoney } from '../ui/money.ts';
import { shortOrderId } from './order-id.tsx';

/** What people call the order: its number, or of orders from before there were numbers the id. */
export function orderName({ number, order_id: id }: Pick<Order, 'number' | 'order_id'>): string {
  return number ?? shortOrderId(id);
}

export function OrderHeading({ id, number = null }: { id: string; number?: string | null }) {
  return (
    <h1>
      Order {number === null ? <span className="mono">{id}</span> : <bdi>{number}</bdi>}{' '}
      {number !== null && <span className="mono muted order-id">{id}</span>}
    </h1>
  );
}

/** The order in a line: who, how much, when. */
export function OrderSummary({ order }: { order: Order }) {
  const { customer_name: name, customer_email: email, source } = order;
  return (
    <p className="summary">
      {(name ?? email) !== null && (
        <strong>
          <bdi>{name ?? email}</bdi>
        </strong>
      )}
      <span>{formatMoney(order.total_amount, order.currency)}</span>
      <span>
        placed <Time at={order.timestamp} />
      </span>
      {source !== null && (
        <span>
          through <bdi>{source}</bdi>
        </span>
      )}
    </p>
  );
}
