import { type RefObject, useEffect, useRef } from 'react';
import type { Order, OrderList } from '../api/types.ts';
import { useMay } from '../api/caller.ts';
import { focusLastOpened } from '../shell/history.ts';
import { Time } from '../time/time.tsx';
import { Empty } from '../ui/empty.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useRowKeys } from '../ui/row-keys.ts';
import { ColumnsMenu } from './columns-menu.tsx';
import { useShownColumns } from './columns.tsx';
import { ExportMenu } from './export-menu.tsx';
import { FilterBar } from './filters/filter-bar.tsx';
import { LiveIndicator } from './live-indicator.tsx';
import { filterParams, isFiltered, type OrderFilter } from './filters/order-filter.ts';
import { OrdersTable } from './orders-table.tsx';
import { Pager } from './pager.tsx';
import { SelectionBar } from './bulk/selection-bar.tsx';
import {
  clearSelection,
  clearSelectionOfOther,
  extendTo,
  openBulkDialog,
  seeAgain,
  setSelected,
  toggle,
  useSelection,
} from './bulk/selection.ts';
import { useListView, useOrderList } from './use-order-list.ts';

const NONE: Order[] = [];

export function OrdersPage() {
  const view = useListView();
  const query = useOrderList(view);
  const [liked, show] = useShownColumns();
  const may = useMay();
  const list = useRef<HTMLTableElement>(null);
  const orders = query.data?.orders ?? NONE;
  // These are still the rows of the filter or page before: what is shown under the new one must not be acted on.
  const isStale = query.isPlaceholderData;
  const isSelectable = may('orders:status');
  const isShown = orders.length > 0;
  const { status } = view.filter;
  useEffect(() => seeAgain(orders, status), [orders, status]);
  useEffect(() => {
    if (isShown) focusLastOpened(list.current);
  }, [isShown]);
  // Most pages have no failed order, and need the room.
  const hasFailures = orders.some(({ failure }) => failure !== undefined);
  const shown = liked.filter((id) => id !== 'failure' || hasFailures);
  useListKeys(orders, isSelectable && !isStale, list);
  // However the filter was changed: here, by going back, or by another address.
  const filterKey = JSON.stringify(filterParams(view.filter));
  useEffect(() => clearSelectionOfOther(filterKey), [filterKey]);
  return (
    <div className="page" aria-busy={query.isFetching}>
      <title>Orders</title>
      <header className="page-header">
        <h1>Orders</h1>
        <LiveIndicator />
        <span className="spacer" />
        <ColumnsMenu shown={liked} onShow={show} />
        <ExportMenu filter={view.filter} />
      </header>
      <FilterBar filter={view.filter} onChange={view.setFilter} />
      {query.isError && <ProblemBox error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <p className="muted loading">Loading the orders …</p>}
      {isStale && <output className="muted loading">Loading the orders of this filter …</output>}
      <div className={isStale ? 'list-area stale' : 'list-area'} inert={isStale}>
        {query.data && orders.length === 0 && <NoOrders filter={view.filter} />}
        {orders.length > 0 && (
          <OrdersTable orders={orders} shown={shown} isSelectable={isSelectable} list={list} />
        )}
        {query.data && <SearchedPart list={query.data} />}
        {query.data && (
          <Pager
            view={view}
            // The cursor of another filter means nothing under this one.
            nextCursor={isStale ? null : query.data.next_cursor}
            list={query.data}
          />
        )}
      </div>
      {isSelectable && !isStale && <SelectionBar shown={orders} />}
    </div>
  );
}

/** Where only the newest orders were searched. */
function SearchedPart({ list: { searched, next_cursor: next } }: { list: OrderList }) {
  if (!searched) return null;
  return (
    <output className="notice">
      Only orders placed since <Time at={searched.from} /> were searched.{' '}
      {next === null ? 'Older orders are being indexed.' : 'Choose “Older” to search on.'}
    </output>
  );
}

function useListKeys(orders: Order[], isSelectable: boolean, list: RefObject<HTMLTableElement | null>): void {
  const selection = useSelection();
  const select = (id: string | undefined, { shiftKey }: KeyboardEvent): void => {
    if (id !== undefined) toggle(id, orders, shiftKey);
  };
  const selecting = {
    walked: (id: string | undefined, { shiftKey }: KeyboardEvent) => {
      if (id !== undefined && shiftKey) extendTo(id, orders);
    },
    x: select,
    X: select,
    a: () => setSelected(orders, !orders.every(({ order_id: id }) => selection.has(id))),
    Escape: clearSelection,
    s: openBulkDialog,
  };
  useRowKeys(list, isSelectable ? selecting : {});
}

function NoOrders({ filter }: { filter: OrderFilter }) {
  return isFiltered(filter) ? (
    <Empty title="No orders match these filters">
      {filter.q !== '' && (
        <p>
          The search finds parts of names, email addresses, order IDs and products, and whole customer IDs. A
          new order can be found a few seconds after it was placed.
        </p>
      )}
      <p>Change or clear the filters.</p>
    </Empty>
  ) : (
    <Empty title="No orders yet">
      <p>
        New orders appear here automatically. To place one, see the <a href="/docs">API documentation</a>.
      </p>
    </Empty>
  );
}
