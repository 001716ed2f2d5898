import type { Order } from '../../api/types.ts';
import { Countdown, useSecondsUntil } from '../../time/countdown.tsx';
import { Time } from '../../time/time.tsx';

/** When the hold of the stock ends or ended. Nothing for an order that waits for no payment. */
export function HoldNotice({ order: { status, expires_at: end } }: { order: Order }) {
  if (end === null) return null;
  if (status === 'reserved') return <Held until={end} />;
  if (status !== 'expired') return null;
  return (
    <p className="notice hold">
      The hold ended <Time at={end} /> without a payment, and the stock was released. If a payment comes late,
      confirm the order: its stock is reserved again.
    </p>
  );
}

function Held({ until }: { until: string }) {
  const seconds = useSecondsUntil(until);
  return (
    <p className="notice hold">
      <strong>Awaiting payment.</strong> The stock is held until <Time at={until} />
      {seconds > 0 ? (
        <span className="time-left">
          {' · '}
          <Countdown seconds={seconds} /> left
        </span>
      ) : (
        '. That time is over: the stock is being released.'
      )}
    </p>
  );
}
