import { Link } from 'wouter';
import type { Order } from '../api/types.ts';
import { FROM_INSIDE } from '../shell/history.ts';
import { OrderId } from '../order/order-id.tsx';

export function OrderLink({ order: { order_id: id } }: { order: Pick<Order, 'order_id'> }) {
  return (
    <Link
      href={`/orders/${id}`}
      state={FROM_INSIDE}
      className="mono"
      title={id}
      aria-label={`Order ${id}`}
      data-open
    >
      <OrderId id={id} />
    </Link>
  );
}
