import { useQuery } from '@tanstack/react-query';
import { useCaller } from '../api/caller.ts';
import type { Order, OrderEvent, OrderStatus } from '../api/types.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import { Time } from '../time/time.tsx';
import { describeEvent } from './event-text.ts';
import { eventsQuery, orderQuery } from './use-order.ts';

interface Props {
  /** The order as it was when the change was asked for. */
  seen: Order;
  wanted: OrderStatus;
  onClose: () => void;
}

/** The order has changed in between: shows how, so that the person can decide again. */
export function Conflict({ seen, wanted, onClose }: Props) {
  const { data: now } = useQuery(orderQuery(seen.order_id));
  const { data: history } = useQuery(eventsQuery(seen.order_id));
  const { id } = useCaller();
  const missed = history?.events.filter((event) => event.seq > seen.version) ?? [];
  // The answer to an earlier attempt of this caller may have been lost on the way.
  const isDone = missed.some(({ to, actor }) => to === wanted && actor === id);
  return (
    <div className="conflict">
      {isDone ? (
        <p role="alert">
          <strong>The order is {wanted}.</strong> Your change was made although no answer arrived the first
          time.
        </p>
      ) : (
        <p role="alert">
          <strong>Nothing was changed.</strong> The order was changed while you were looking at it, so it was
          not marked as {wanted}.
        </p>
      )}
      {now && now.version !== seen.version && <Comparison seen={seen} now={now} />}
      <ul>
        {missed.map((event) => (
          <Missed key={event.seq} event={event} />
        ))}
      </ul>
      <div className="dialog-actions">
        <button type="button" className="button button-primary" autoFocus onClick={onClose}>
          Go on with the order as it is now
        </button>
      </div>
    </div>
  );
}

function Comparison({ seen, now }: { seen: Order; now: Order }) {
  return (
    <table className="list compact">
      <thead>
        <tr>
          <th scope="col">
            <span className="visually-hidden">Part of the order</span>
          </th>
          <th scope="col">You saw</th>
          <th scope="col">It is now</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">Status</th>
          <td>
            <StatusBadge status={seen.status} />
          </td>
          <td>
            <StatusBadge status={now.status} />
          </td>
        </tr>
        <tr>
          <th scope="row">Version</th>
          <td>{seen.version}</td>
          <td>{now.version}</td>
        </tr>
      </tbody>
    </table>
  );
}

function Missed({ event }: { event: OrderEvent }) {
  return (
    <li>
      <Time at={event.timestamp} /> {describeEvent(event)} by <strong>{event.actor}</strong>
      {event.reason && <>: “{event.reason}”</>}
    </li>
  );
}
