import type { Order } from '../../api/types.ts';
import { Time } from '../../time/time.tsx';
import { formatMoney } from '../../ui/money.ts';
import { Part } from '../order-facts.tsx';

type Payment = Order['payments'][number];

/** What was reported about payments, and what it amounts to. Nothing of an order that has neither payments nor a hold. */
export function OrderPayments({ order }: { order: Order }) {
  const { payments, payment_state: state } = order;
  if (payments.length === 0 && order.expires_at === null) return null;
  return (
    <Part id="payments" title="Payments">
      <p>
        <span className={`badge payment-${state}`}>{state === 'none' ? 'not paid' : inWords(state)}</span>
      </p>
      {payments.length === 0 ? (
        <p className="muted">No payments recorded.</p>
      ) : (
        <ul className="payments">
          {payments.map((payment) => (
            <Entry key={`${payment.state} ${payment.reference}`} payment={payment} />
          ))}
        </ul>
      )}
    </Part>
  );
}

function Entry({
  payment: { reference, state, amount, currency, recorded_at: at, confirmed },
}: {
  payment: Payment;
}) {
  return (
    <li>
      <p className="payment-line">
        <strong>{state}</strong>
        <span>{formatMoney(amount, currency)}</span>
      </p>
      <p className="muted payment-line">
        <bdi className="mono">{reference}</bdi>
        <Time at={at} />
      </p>
      {confirmed && <p className="muted">Confirming payment</p>}
    </li>
  );
}

/** As in `partially refunded`. */
function inWords(name: string): string {
  return name.replaceAll('_', ' ');
}
