import { useQuery } from '@tanstack/react-query';
import { useCaller } from '../api/caller.ts';
import type { Order, OrderEvent } from '../api/types.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import { Time } from '../time/time.tsx';
import { describeEvent } from './event-text.ts';
import { eventsQuery, orderQuery } from './use-order.ts';

interface Props {
  /** The order as it was when the change was asked for. */
  seen: Order;
  /** Whether an event is the change that was asked for, if the caller made it. */
  isWanted: (event: OrderEvent) => boolean;
  /** What the order is like if the change was made, as in `The order is shipped.` */
  done: string;
  /** What did not happen otherwise, as in `it was not marked as shipped`. */
  notDone: string;
  /** Whether an earlier attempt had no answer, so that the change in between may be its own. */
  wasUnanswered: boolean;
  onClose: () => void;
}

/** The order has changed in between: shows how, so that the person can decide again. */
export function Conflict({ seen, isWanted, done, notDone, wasUnanswered, onClose }: Props) {
  const { data: now } = useQuery(orderQuery(seen.order_id));
  const { data: history } = useQuery(eventsQuery(seen.order_id));
  const { id } = useCaller();
  const missed = history?.events.filter((event) => event.seq > seen.version) ?? [];
  const isDone = wasUnanswered && missed.some((event) => isWanted(event) && event.actor === id);
  return (
    <div className="conflict">
      {isDone ? (
        <p role="alert">
          <strong>{done}</strong> Your change was made, although no response arrived the first time.
        </p>
      ) : (
        <p role="alert">
          <strong>Nothing was changed.</strong> The order has changed since you opened it, so
          {` ${notDone}.`}
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
          View the current order
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
          <th scope="col">Now</th>
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
      {event.reason && (
        <>
          : “<bdi>{event.reason}</bdi>”
        </>
      )}
    </li>
  );
}
