import { columnVisibilityFeature, createColumnHelper, tableFeatures } from '@tanstack/react-table';
import { useSearchParams } from 'wouter';
import type { Order } from '../api/types.ts';
import { formatMoney } from '../ui/money.ts';
import { prefer, preferences } from '../ui/preferences.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import { useStore } from '../ui/store.ts';
import { Time } from '../time/time.tsx';
import { Failure } from './failure.tsx';
import { OrderId } from '../order/order-id.tsx';
import { OrderLink } from './order-link.tsx';

export const features = tableFeatures({ columnVisibilityFeature });

const helper = createColumnHelper<typeof features, Order>();

function Customer({ order }: { order: Order }) {
  const name = order.customer_name ?? order.customer_id;
  return (
    <span className="two-part">
      <span>{name ?? <span className="muted">not provided or erased</span>}</span>
      {order.customer_email && <span className="muted">{order.customer_email}</span>}
    </span>
  );
}

function Lines({ order: { items } }: { order: Order }) {
  const [first] = items;
  if (!first) return null;
  const more = items.length > 1 ? ` + ${items.length - 1}` : '';
  return (
    <>
      {`${first.quantity} × `}
      <bdi>{first.product_name ?? first.product_id}</bdi>
      {more}
    </>
  );
}

function Source({ order: { source, source_order_id: reference } }: { order: Order }) {
  return (
    <>
      <bdi>{source}</bdi> <bdi className="muted">{reference}</bdi>
    </>
  );
}

export const COLUMNS = helper.columns([
  helper.accessor('order_id', {
    id: 'order',
    header: 'Order',
    cell: ({ row }) => <OrderLink order={row.original} />,
  }),
  helper.display({
    id: 'customer',
    header: 'Customer',
    cell: ({ row }) => <Customer order={row.original} />,
  }),
  helper.accessor('timestamp', {
    id: 'placed',
    header: 'Placed',
    cell: ({ getValue }) => <Time at={getValue()} />,
  }),
  helper.accessor('status', {
    id: 'status',
    header: 'Status',
    cell: ({ getValue }) => <StatusBadge status={getValue()} />,
  }),
  helper.display({ id: 'lines', header: 'Products', cell: ({ row }) => <Lines order={row.original} /> }),
  helper.accessor('total_amount', {
    id: 'total',
    header: 'Total',
    cell: ({ row: { original } }) => formatMoney(original.total_amount, original.currency),
  }),
  helper.accessor('failure', {
    id: 'failure',
    header: 'Failure',
    cell: ({ row }) => <Failure type={row.original.failure} />,
  }),
  helper.accessor('updated_at', {
    id: 'updated',
    header: 'Changed',
    cell: ({ getValue }) => <Time at={getValue()} />,
  }),
  helper.accessor('customer_id', {
    id: 'customer_id',
    header: 'Customer ID',
    cell: ({ getValue }) => getValue() ?? '—',
  }),
  helper.accessor('order_id', {
    id: 'order_id',
    header: 'Order ID',
    cell: ({ getValue }) => (
      <span className="mono">
        <OrderId id={getValue()} />
      </span>
    ),
  }),
  helper.display({ id: 'source', header: 'Source', cell: ({ row }) => <Source order={row.original} /> }),
  helper.accessor('tags', { id: 'tags', header: 'Tags', cell: ({ getValue }) => getValue().join(', ') }),
  helper.accessor('version', { id: 'version', header: 'Version', cell: ({ getValue }) => getValue() }),
]);

/** Every column's id and name, in the order in which they are shown. */
export const COLUMN_NAMES: [string, string][] = COLUMNS.map(({ id, header }) => [id ?? '', String(header)]);

/** Without it an order could not be opened. */
export const FIXED_COLUMN = 'order';

const SHOWN = ['order', 'customer', 'placed', 'status', 'lines', 'total', 'failure'];

/** The columns that are shown: those of the address, else those that the viewer likes. */
export function useShownColumns(): [shown: string[], show: (ids: string[]) => void] {
  const [params, setParams] = useSearchParams();
  const { columns: liked } = useStore(preferences);
  const wanted = params.get('columns')?.split(',') ?? liked ?? SHOWN;
  const shown = COLUMN_NAMES.map(([id]) => id).filter((id) => wanted.includes(id) || id === FIXED_COLUMN);
  const show = (ids: string[]): void => {
    prefer({ columns: ids });
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        next.set('columns', ids.join(','));
        return next;
      },
      { replace: true, state: window.history.state as unknown },
    );
  };
  return [shown, show];
}
