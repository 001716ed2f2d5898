import { Link } from 'wouter';
import type { Order } from '../api/types.ts';
import { FROM_INSIDE } from '../shell/history.ts';
import { OrderId } from '../order/order-id.tsx';

interface Props {
  order: Pick<Order, 'order_id'> & Partial<Pick<Order, 'number'>>;
}

/** By its number, or where there is none by its id. */
export function OrderLink({ order: { order_id: id, number = null } }: Props) {
  return (
    <Link
      href={`/orders/${id}`}
      state={FROM_INSIDE}
      className={number === null ? 'mono' : 'order-number'}
      title={id}
      aria-label={`Order ${number ?? id}`}
      data-open
    >
      {number === null ? <OrderId id={id} /> : <bdi>{number}</bdi>}
    </Link>
  );
}
