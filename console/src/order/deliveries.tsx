import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMay } from '../api/caller.ts';
import { api, send } from '../api/client.ts';
import type { Delivery } from '../api/types.ts';
import { Time } from '../time/time.tsx';
import { announce } from '../ui/announcer.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { orderIncidentsQuery } from '../incidents/incidents.query.ts';
import { deliveriesQuery, eventsQuery } from './use-order.ts';

const KINDS: Record<Delivery['kind'], string> = {
  notification: 'Message to the customer',
  stock_release: 'Stock release',
  cart_checkout: 'Cart checkout',
  webhook: 'Webhook',
};

export const DELIVERY_STATES: Record<Delivery['status'], string> = {
  waiting: 'waiting',
  under_way: 'in progress',
  sent: 'sent',
  failed: 'failed',
  skipped: 'skipped',
};

/** Kinds that are sent, whereas other work is done. */
const SENT: readonly Delivery['kind'][] = ['notification', 'webhook'];

/** What the service does for the order in the background: sent, waiting, or failed and to be tried again. */
export function Deliveries({ orderId }: { orderId: string }) {
  const { data, error, refetch } = useQuery(deliveriesQuery(orderId));
  const mayRetry = useMay()('operations');
  const isStockInDoubt = useStockInDoubt(orderId);
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">Messages and other work</h2>
      {error && <ProblemBox error={error} onRetry={() => void refetch()} />}
      {data?.deliveries.length === 0 && (
        <p className="muted">
          No messages are recorded for this order. Earlier versions of the service kept completed messages for
          24 hours only.
        </p>
      )}
      <ul className="deliveries">
        {data?.deliveries.toReversed().map((delivery) => (
          <DeliveryItem
            key={delivery.id}
            orderId={orderId}
            delivery={delivery}
            mayRetry={mayRetry}
            isStockInDoubt={isStockInDoubt}
          />
        ))}
      </ul>
    </section>
  );
}

/** Whether units of the order may or may not be held, by its open incidents, or by its history for who may not see them. */
function useStockInDoubt(orderId: string): boolean {
  const maySeeIncidents = useMay()('operations');
  const incidents = useQuery({ ...orderIncidentsQuery(orderId), enabled: maySeeIncidents });
  const history = useQuery({ ...eventsQuery(orderId), enabled: !maySeeIncidents });
  if (maySeeIncidents) return incidents.data?.incidents.some(({ kind }) => kind === 'reservation') ?? false;
  const last = history.data?.events.findLast(
    ({ type }) => type === 'stock_in_doubt' || type === 'incident_settled',
  );
  return last?.type === 'stock_in_doubt';
}

interface ItemProps {
  orderId: string;
  delivery: Delivery;
  mayRetry: boolean;
  isStockInDoubt: boolean;
}

function DeliveryItem({ orderId, delivery, mayRetry, isStockInDoubt }: ItemProps) {
  const { kind, status, attempts, next_attempt_at: next, incident_id: incident } = delivery;
  const { event_seq: event, endpoint_id: endpoint } = delivery;
  const isRetried = attempts > 0 && status === 'waiting';
  // The job has ended; what it was for may not have happened.
  const isInDoubt = kind === 'stock_release' && status === 'sent' && isStockInDoubt;
  return (
    <li>
      <p>
        <strong>{KINDS[kind]}</strong>{' '}
        {isInDoubt ? (
          <span className="delivery-failed">
            finished, stock in doubt
            {mayRetry && (
              <>
                , <a href="#incidents">needs a decision</a>
              </>
            )}
          </span>
        ) : (
          <span className={`delivery-${status}`}>
            {!SENT.includes(kind) && status === 'sent' ? 'done' : DELIVERY_STATES[status]}
          </span>
        )}
      </p>
      <p className="muted">
        <Time at={delivery.completed_at ?? delivery.created_at} />
        {attempts > 1 && ` · ${attempts} attempts`}
        {endpoint !== undefined && ` · event ${event} to endpoint ${endpoint}`}
        {next && (
          <>
            {' · next '}
            <Time at={next} />
          </>
        )}
      </p>
      {delivery.last_error && status !== 'sent' && <p className="reason">{delivery.last_error}</p>}
      {mayRetry && (isRetried || incident) && <RetryButton orderId={orderId} delivery={delivery} />}
    </li>
  );
}

/** Retries a waiting delivery at once. A delivery out of attempts is an incident, which has its own action. */
async function retry(orderId: string, { id, incident_id: incident }: Delivery): Promise<string> {
  if (incident === undefined) {
    await send(
      api.POST('/orders/{order_id}/deliveries/{delivery_id}/retry', {
        params: { path: { order_id: orderId, delivery_id: id } },
      }),
    );
    return 'Retrying now';
  }
  const path = { incident_id: incident };
  const settled = api.POST('/operations/incidents/{incident_id}', {
    params: { path },
    body: { action: 'retry' },
  });
  return (await send(settled)).result;
}

function RetryButton({ orderId, delivery }: Pick<ItemProps, 'orderId' | 'delivery'>) {
  const client = useQueryClient();
  const retrying = useMutation({
    mutationFn: () => retry(orderId, delivery),
    onSuccess: announce,
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <>
      {retrying.isError && <ProblemBox error={retrying.error} purpose="change" />}
      <button
        type="button"
        className="button"
        disabled={retrying.isPending}
        onClick={() => retrying.mutate()}
      >
        Retry now
      </button>
    </>
  );
}
