import type { OrderStatus } from '../api/types.ts';

/** A status in words and a colour, which never stands alone. */
export function StatusBadge({ status }: { status: OrderStatus }) {
  return <span className={`badge badge-${status}`}>{status}</span>;
}
