import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useMay } from '../api/caller.ts';
import { allowedTransitions, useNextStatuses } from '../api/transitions.ts';
import type { Order, OrderStatus } from '../api/types.ts';
import { Failure } from '../orders/failure.tsx';
import { LiveIndicator } from '../orders/live-indicator.tsx';
import { goBackOr, useOpened } from '../shell/history.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { Empty } from '../ui/empty.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useShortcuts } from '../ui/shortcuts.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import { Deliveries } from './deliveries.tsx';
import { OrderFacts } from './order-facts.tsx';
import { shortOrderId } from './order-id.tsx';
import { OrderIncidents } from './order-incidents.tsx';
import { OrderLines } from './order-lines.tsx';
import { StatusDialog } from './status-dialog.tsx';
import { Timeline } from './timeline.tsx';
import { CustomerIdError, orderQuery } from './use-order.ts';

export function OrderPage({ id }: { id: string }) {
  const { data: order, error, isPending, refetch } = useQuery(orderQuery(id));
  const [, navigate] = useLocation();
  const leave = (): void => goBackOr(() => navigate('/orders'));
  useOpened(id);
  useShortcuts({ u: leave });
  return (
    <div className="page order-page">
      <title>{`Order ${shortOrderId(id)}`}</title>
      <p>
        <a
          href="/admin/orders"
          onClick={(event) => {
            event.preventDefault();
            leave();
          }}
        >
          ← Back
        </a>
      </p>
      {error instanceof CustomerIdError && <CustomerId id={id} />}
      {error && !(error instanceof CustomerIdError) && (
        <ProblemBox error={error} onRetry={() => void refetch()} />
      )}
      {isPending && <p className="muted loading">Loading the order …</p>}
      {order && <OrderView order={order} />}
    </div>
  );
}

function CustomerId({ id }: { id: string }) {
  return (
    <Empty title="This is the id of a customer, not of an order">
      <p>
        <Link href={`/orders?${new URLSearchParams({ q: id })}`}>Show the orders of customer {id}</Link>
      </p>
    </Empty>
  );
}

function OrderView({ order }: { order: Order }) {
  const may = useMay();
  const seesDeliveries = may('orders:read:all') || may('operations');
  return (
    <>
      <header className="page-header">
        <h1>
          Order <span className="mono">{order.order_id}</span>
        </h1>
        <CopyButton text={order.order_id} what="order id" />
        <StatusBadge status={order.status} />
        <LiveIndicator />
      </header>
      {order.failure && (
        <p className="notice">
          This order was not placed: <Failure type={order.failure} />. The history below has the details.
        </p>
      )}
      {may('operations') && <OrderIncidents orderId={order.order_id} />}
      <Actions order={order} />
      <div className="order-columns">
        <div>
          <OrderLines order={order} />
          <Timeline orderId={order.order_id} hasDeliveries={seesDeliveries} />
        </div>
        <div>
          <OrderFacts order={order} />
          {seesDeliveries && <Deliveries orderId={order.order_id} />}
        </div>
      </div>
    </>
  );
}

function Actions({ order }: { order: Order }) {
  const next = useNextStatuses()(order.status);
  const [chosen, setChosen] = useState<{ order: Order; status: OrderStatus } | null>(null);
  const open = (status: OrderStatus | undefined): void => {
    // The order as it is seen now: whether it still is like that, the service finds out.
    if (status) setChosen({ order, status });
  };
  useShortcuts({ s: () => open(next[0]) });
  return (
    <fieldset className="actions">
      <legend className="visually-hidden">Change the status</legend>
      {next.map((status, index) => (
        <button
          key={status}
          type="button"
          className={index === 0 ? 'button button-primary' : 'button'}
          onClick={() => open(status)}
        >
          Mark as {status}
          {index === 0 && <kbd>s</kbd>}
        </button>
      ))}
      {next.length === 0 && <span className="muted">{whyNot(order.status)}</span>}
      {chosen && <StatusDialog seen={chosen.order} initial={chosen.status} onClose={() => setChosen(null)} />}
    </fieldset>
  );
}

function whyNot(status: OrderStatus): string {
  if (status === 'pending') return 'It is still being placed, which settles by itself.';
  if (allowedTransitions(status).length > 0) return 'Your key or token does not allow to change the status.';
  return `It is ${status}, and stays so.`;
}
