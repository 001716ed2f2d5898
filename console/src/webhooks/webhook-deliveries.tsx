import { useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import { useSearchParams } from 'wouter';
import type { DeliveryState, WebhookDelivery } from '../api/types.ts';
import { TableHead } from '../incidents/table-head.tsx';
import { OrderLink } from '../orders/order-link.tsx';
import { Time } from '../time/time.tsx';
import { useRowKeys } from '../ui/row-keys.ts';
import { WebhookProblem } from './webhook-problem.tsx';
import { deliveriesQuery } from './webhooks.query.ts';

const STATES: Record<DeliveryState, string> = {
  delivered: 'Delivered',
  retrying: 'Retrying',
  failed: 'Failed',
  skipped: 'Skipped',
};

const COLUMNS = ['Last attempt', 'Event', 'Order', 'State', 'Attempts', 'Answer'];

function isState(text: string | null): text is DeliveryState {
  return text !== null && text in STATES;
}

/** The events that were sent to an endpoint at least once, the newest attempt first. */
export function WebhookDeliveries({ endpointId }: { endpointId: string }) {
  const [params, setParams] = useSearchParams();
  const wanted = params.get('state');
  const state = isState(wanted) ? wanted : null;
  const cursor = params.get('cursor');
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery(
    deliveriesQuery(endpointId, state, cursor),
  );
  const list = useRef<HTMLTableElement>(null);
  useRowKeys(list);
  const show = (next: string | null, page: string | null): void =>
    setParams({ ...(next && { state: next }), ...(page !== null && { cursor: page }) });
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">Deliveries</h2>
      <StateFilter state={state} onChange={(chosen) => show(chosen, null)} />
      {error && <WebhookProblem error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the deliveries …</p>}
      {data?.deliveries.length === 0 && <None isFiltered={state !== null || cursor !== null} />}
      {data && data.deliveries.length > 0 && (
        <table
          className={isPlaceholderData ? 'list stale' : 'list'}
          role="table"
          aria-labelledby="deliveries"
          ref={list}
        >
          <TableHead columns={COLUMNS} />
          <tbody role="rowgroup">
            {data.deliveries.map((delivery) => (
              <DeliveryRow key={delivery.event_id} delivery={delivery} />
            ))}
          </tbody>
        </table>
      )}
      {data && (cursor !== null || data.next_cursor !== null) && (
        <Pager isFirst={cursor === null} next={data.next_cursor} onTurn={(page) => show(state, page)} />
      )}
    </section>
  );
}

interface FilterProps {
  state: DeliveryState | null;
  onChange: (state: string) => void;
}

function StateFilter({ state, onChange }: FilterProps) {
  return (
    <div className="filters">
      <label>
        State{' '}
        <select value={state ?? ''} onChange={({ target }) => onChange(target.value)}>
          <option value="">any</option>
          {Object.entries(STATES).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

interface PagerProps {
  isFirst: boolean;
  next: string | null;
  onTurn: (cursor: string | null) => void;
}

function Pager({ isFirst, next, onTurn }: PagerProps) {
  return (
    <nav className="pager" aria-label="Pages of the deliveries">
      <button type="button" className="button" disabled={isFirst} onClick={() => onTurn(null)}>
        Newest
      </button>
      <button type="button" className="button" disabled={next === null} onClick={() => onTurn(next)}>
        Older
      </button>
    </nav>
  );
}

function None({ isFiltered }: { isFiltered: boolean }) {
  return (
    <p className="muted">
      {isFiltered
        ? 'No such deliveries.'
        : 'Nothing was sent yet. Send a test event to check the endpoint; it is not listed here.'}
    </p>
  );
}

interface RowProps {
  delivery: WebhookDelivery;
}

function DeliveryRow({ delivery }: RowProps) {
  const { event_id: id, feed_no: feedNo, order_id: orderId, state, attempts, attempted_at: at } = delivery;
  return (
    <tr role="row" data-row={id}>
      <td role="cell" className="cell-age">
        <Time at={at} />
      </td>
      <td role="cell" className="cell-endpoint" title={id}>
        {delivery.type ?? 'deleted event'} <span className="muted">no. {feedNo}</span>
      </td>
      <td role="cell" className="cell-order">
        <OrderLink order={{ order_id: orderId }} /> <span className="muted">version {delivery.version}</span>
      </td>
      <td role="cell" className="cell-state">
        <span className={`badge badge-${state}`}>{STATES[state]}</span>
      </td>
      <td role="cell">
        {attempts}
        <span className="in-card"> {attempts === 1 ? 'attempt' : 'attempts'}</span>
      </td>
      <td role="cell" className="cell-reason">
        <Answer delivery={delivery} />
      </td>
    </tr>
  );
}

/** The status, and what else is known of the last answer. */
function Answer({ delivery: { status, duration_ms: ms, error, answer } }: RowProps) {
  const head = (
    <>
      {status !== null && <strong>{status}</strong>} <span className="muted">{ms} ms</span>
    </>
  );
  return (
    <>
      {answer === null || answer === '' ? (
        head
      ) : (
        <details>
          <summary>{head}</summary>
          <pre className="answer">{answer}</pre>
        </details>
      )}
      {error !== null && error !== `answered ${status}` && <p className="reason">{error}</p>}
    </>
  );
}
