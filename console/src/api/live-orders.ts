import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { announce } from '../ui/announcer.tsx';
import { listen, type Listener } from './live.ts';
import { credential } from './session.ts';
import type { OrderChange, OrderList } from './types.ts';

/** Minimum interval between two refreshes of a list, however many orders change. */
const REFRESH_MS = 1_500;

/** Minimum interval between two announcements to screen readers. */
const ANNOUNCE_MS = 5_000;

/** Keeps what the page shows of orders as it is in the service. */
export function useLiveOrders(isAllowed: boolean): void {
  const client = useQueryClient();
  useEffect(() => (isAllowed ? keepUp(client) : undefined), [client, isAllowed]);
}

function keepUp(client: QueryClient): () => void {
  const refresh = throttled(REFRESH_MS, () => void client.invalidateQueries({ queryKey: ['orders'] }));
  const counts = { placed: 0, changed: 0 };
  const tell = throttled(ANNOUNCE_MS, () => {
    const parts = [
      ...(counts.placed > 0 ? [`${counts.placed} new ${counts.placed === 1 ? 'order' : 'orders'}`] : []),
      ...(counts.changed > 0 ? [`${counts.changed} ${counts.changed === 1 ? 'change' : 'changes'}`] : []),
    ];
    announce(parts.join(', '));
    counts.placed = 0;
    counts.changed = 0;
  });
  const listener: Listener = {
    onChange: (change) => {
      counts[change.type === 'placed' ? 'placed' : 'changed'] += 1;
      tell();
      client.setQueriesData<OrderList>({ queryKey: ['orders'] }, (list) => list && patch(list, change));
      void client.invalidateQueries({ queryKey: ['order', change.order_id] });
      refresh();
    },
    onReset: () => void client.invalidateQueries(),
    onOpen: () => void client.refetchQueries({ predicate: ({ state }) => state.status === 'error' }),
  };
  let stop = listen(listener);
  // A stream that was refused, because its token had expired, is opened again with the new one.
  const unsubscribe = credential.subscribe(() => {
    stop();
    stop = listen(listener);
  });
  return () => {
    unsubscribe();
    stop();
    refresh.cancel();
    tell.cancel();
  };
}

/** The list with the change applied, until it is refreshed. */
function patch(list: OrderList, { order_id: id, version, to, time }: OrderChange): OrderList {
  const isShown = list.orders.some((order) => order.order_id === id && order.version < version);
  if (!isShown) return list;
  const orders = list.orders.map((order) =>
    order.order_id === id ? { ...order, version, status: to ?? order.status, updated_at: time } : order,
  );
  return { ...list, orders };
}

/** Throttles an action: runs it at once, then at most once per interval. */
function throttled(milliseconds: number, action: () => void): { (): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWanted = false;
  const run = (): void => {
    if (timer !== undefined) {
      isWanted = true;
      return;
    }
    action();
    timer = setTimeout(() => {
      timer = undefined;
      if (!isWanted) return;
      isWanted = false;
      run();
    }, milliseconds);
  };
  return Object.assign(run, { cancel: () => clearTimeout(timer) });
}
