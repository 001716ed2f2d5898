import { useQuery } from '@tanstack/react-query';
import type { Delivery, InventoryCall, OrderEvent } from '../api/types.ts';
import { ProblemBox } from '../ui/problem-box.tsx';
import { Time } from '../time/time.tsx';
import { DELIVERY_STATES } from './deliveries.tsx';
import { describeCall, describeEvent } from './event-text.ts';
import { deliveriesQuery, eventsQuery } from './use-order.ts';

interface Props {
  orderId: string;
  /** Whether the viewer may see the notifications that were sent to the customer. */
  hasDeliveries: boolean;
}

/** The history of the order, newest first, because its end is what users look for. */
export function Timeline({ orderId, hasDeliveries }: Props) {
  const { data, error, refetch } = useQuery(eventsQuery(orderId));
  const deliveries = useQuery({ ...deliveriesQuery(orderId), enabled: hasDeliveries });
  const messageOf = ({ seq }: OrderEvent): Delivery | undefined =>
    deliveries.data?.deliveries.findLast((delivery) => delivery.event_seq === seq);
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      {error && <ProblemBox error={error} onRetry={() => void refetch()} />}
      <ol className="timeline" reversed>
        {data?.events.toReversed().map((event) => (
          <Entry key={event.seq} event={event} message={messageOf(event)} />
        ))}
      </ol>
    </section>
  );
}

function Entry({ event, message }: { event: OrderEvent; message: Delivery | undefined }) {
  return (
    <li className={event.to ? `timeline-${event.to}` : undefined}>
      <p>
        <strong>{describeEvent(event)}</strong> <span className="muted">by {event.actor}</span>
      </p>
      <p className="muted">
        <Time at={event.timestamp} />
        {message && (
          <>
            {' · message to the customer '}
            <span className={`delivery-${message.status}`}>{DELIVERY_STATES[message.status]}</span>
            {message.attempts > 1 && `, ${message.attempts} attempts`}
          </>
        )}
      </p>
      {event.reason && <p className="reason">{event.reason}</p>}
      <Calls calls={event.data?.calls ?? []} />
      {/* The headline of a payment has all of it. */}
      {event.data && event.type !== 'payment_recorded' && <Details data={event.data} />}
    </li>
  );
}

/** The inventory calls of an event. */
function Calls({ calls }: { calls: readonly InventoryCall[] }) {
  return calls.map((call) => (
    <p key={call.operation} className="calls muted">
      {describeCall(call)}
    </p>
  ));
}

/** What the event holds besides: short, and different from event to event. */
function Details({ data: { calls: _calls, ...data } }: { data: NonNullable<OrderEvent['data']> }) {
  if (Object.keys(data).length === 0) return null;
  return (
    <dl className="details">
      {Object.entries(data).map(([name, value]) => (
        <div key={name}>
          <dt>{name.replaceAll('_', ' ')}</dt>
          <dd>
            <Value name={name} value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  if (typeof value === 'string') return name.endsWith('_at') ? <Time at={value} /> : value;
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'number')) return value.join(', ');
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null)) {
    return (
      <ul>
        {(value as object[]).map((entry) => (
          <li key={JSON.stringify(entry)}>{entriesOf(entry)}</li>
        ))}
      </ul>
    );
  }
  return typeof value === 'object' && value !== null ? (
    entriesOf(value)
  ) : (
    <code>{JSON.stringify(value)}</code>
  );
}

/** As in `state captured, reference pay_8f2k`. */
function entriesOf(value: object): string {
  return Object.entries(value)
    .map(([name, part]) => `${name.replaceAll('_', ' ')} ${String(part)}`)
    .join(', ');
}
