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
import { EmptyPage } from '../ui/empty.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useShortcuts } from '../ui/shortcuts.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import { Deliveries } from './deliveries.tsx';
import { CorrectionDialog } from './correction/correction-dialog.tsx';
import { OrderFacts } from './order-facts.tsx';
import { OrderHeading, orderName, OrderSummary } from './order-heading.tsx';
import { shortOrderId } from './order-id.tsx';
import { OrderIncidents } from './order-incidents.tsx';
import { OrderLines } from './order-lines.tsx';
import { ConfirmDialog } from './payment/confirm-dialog.tsx';
import { HoldNotice } from './payment/hold-notice.tsx';
import { OrderPayments } from './payment/order-payments.tsx';
import { PaymentActions } from './payment/payment-actions.tsx';
import { StatusDialog } from './status-dialog.tsx';
import { Timeline } from './timeline.tsx';
import { NotAnOrderError, orderQuery } from './use-order.ts';

export function OrderPage({ id }: { id: string }) {
  const { data: order, error, isPending, refetch } = useQuery(orderQuery(id));
  const notAnOrder = error instanceof NotAnOrderError ? error : undefined;
  const [, navigate] = useLocation();
  const leave = (): void => goBackOr(() => navigate('/orders'));
  useOpened(id);
  useShortcuts({ u: leave });
  return (
    <div className="page order-page">
      <p>
        <a
          className="back"
          href="/admin/orders"
          onClick={(event) => {
            event.preventDefault();
            leave();
          }}
        >
          ← Back
        </a>
      </p>
      {notAnOrder ? (
        <NotAnOrder error={notAnOrder} />
      ) : (
        <title>{`Order ${order ? orderName(order) : shortOrderId(id)}`}</title>
      )}
      {!order && !notAnOrder && <OrderHeading id={id} />}
      {error && !notAnOrder && <ProblemBox error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the order …</p>}
      {order && <OrderView order={order} />}
    </div>
  );
}

function NotAnOrder({ error: { id, isCustomer } }: { error: NotAnOrderError }) {
  return (
    <EmptyPage title={isCustomer ? 'This is a customer id, not an order id' : 'This is not an order id'}>
      <p>
        <Link href={`/orders?${new URLSearchParams({ q: id })}`}>
          {isCustomer ? 'Show the orders of customer' : 'Search the orders for'} <bdi>{id}</bdi>
        </Link>
      </p>
    </EmptyPage>
  );
}

function OrderView({ order }: { order: Order }) {
  const may = useMay();
  const seesDeliveries = may('orders:read:all') || may('operations');
  return (
    <>
      <header className="page-header">
        <OrderHeading id={order.order_id} number={order.number} />
        <CopyButton text={order.order_id} what="order id" />
        <StatusBadge status={order.status} />
        <LiveIndicator />
      </header>
      <OrderSummary order={order} />
      {order.failure && (
        <p className="notice">
          This order was not placed: <Failure type={order.failure} />. See the history below for details.
        </p>
      )}
      <HoldNotice order={order} />
      {may('operations') && <OrderIncidents orderId={order.order_id} />}
      <Actions order={order} />
      <div className="order-columns">
        <OrderLines order={order} />
        <div className="order-facts">
          <OrderPayments order={order} />
          <OrderFacts order={order} />
        </div>
        <div>
          <Timeline orderId={order.order_id} hasDeliveries={seesDeliveries} />
          {seesDeliveries && <Deliveries orderId={order.order_id} />}
        </div>
      </div>
    </>
  );
}

function Actions({ order }: { order: Order }) {
  const next = useNextStatuses()(order.status);
  const may = useMay()('orders:status');
  const [chosen, setChosen] = useState<{ order: Order; status: OrderStatus } | null>(null);
  const open = (status: OrderStatus | undefined): void => {
    // The order as it is seen now: whether it still is like that, the service finds out.
    if (status) setChosen({ order, status });
  };
  const [corrected, setCorrected] = useState<Order | null>(null);
  const correct = (): void => setCorrected(order);
  useShortcuts({ s: () => open(next[0]), ...(may && { e: correct }) });
  const close = (): void => setChosen(null);
  return (
    <fieldset className="actions">
      <legend className="visually-hidden">Change the order</legend>
      {next.map((status, index) => (
        <button
          key={status}
          type="button"
          className={index === 0 ? 'button button-primary' : 'button'}
          onClick={() => open(status)}
        >
          {status === 'confirmed' ? 'Confirm' : `Mark as ${status}`}
          {index === 0 && <kbd>s</kbd>}
        </button>
      ))}
      {may && <PaymentActions order={order} />}
      {may && (
        <button type="button" className="button" onClick={correct}>
          Edit
          <kbd>e</kbd>
        </button>
      )}
      {next.length === 0 && <span className="muted">{whyNot(order.status)}</span>}
      {chosen?.status === 'confirmed' && <ConfirmDialog seen={chosen.order} onClose={close} />}
      {chosen && chosen.status !== 'confirmed' && (
        <StatusDialog seen={chosen.order} initial={chosen.status} onClose={close} />
      )}
      {corrected && <CorrectionDialog seen={corrected} onClose={() => setCorrected(null)} />}
    </fieldset>
  );
}

function whyNot(status: OrderStatus): string {
  if (status === 'pending') return 'This order is still being placed.';
  if (allowedTransitions(status).length > 0) return 'You don’t have permission to change the status.';
  return `This order is ${status}. That status is final.`;
}
