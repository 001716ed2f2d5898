import { Link } from 'wouter';
import type { Order } from '../api/types.ts';
import { FROM_INSIDE } from '../shell/history.ts';

/** The time to the millisecond and twelve random bits (UUIDv7): tells orders apart, and the search finds it. */
const SHOWN_CHARACTERS = 18;

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
      {id.slice(0, SHOWN_CHARACTERS)}
    </Link>
  );
}
