import { type FormEvent, useState } from 'react';
import type { Order, Payment } from '../../api/types.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { messageFor, recordPayment, useOrderChange } from './change-order.ts';
import { type PaymentDraft, PaymentFields } from './payment-fields.tsx';
import { PaymentProblem } from './payment-problem.tsx';
import { useFocusOnError } from './use-focus-on-error.ts';

const STATES: Record<Payment['state'], string> = {
  authorized: 'the provider holds the money',
  captured: 'the money is yours',
  refunded: 'money was returned',
  voided: 'an authorization was released',
  declined: 'the payment was refused',
};

interface Props {
  /** The order as it was when the dialog was opened. */
  seen: Order;
  onClose: () => void;
}

/** Writes down what the payment provider says. It changes no status and moves no money. */
export function RecordDialog({ seen, onClose }: Props) {
  const [draft, setDraft] = useState<PaymentDraft<Payment['state']>>({
    reference: '',
    state: 'captured',
    amount: String(seen.total_amount ?? ''),
  });
  const change = useOrderChange(
    seen.order_id,
    (body: Payment) => recordPayment(seen.order_id, body),
    'The payment is recorded',
    onClose,
  );
  const { error } = change;
  const form = useFocusOnError(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const { reference, state, amount } = draft;
    change.mutate({ reference: reference.trim(), state, amount: Number(amount) });
  };
  return (
    <Dialog title="Record a payment" onClose={onClose} isBusy={change.isPending}>
      {error && <PaymentProblem error={error} />}
      <form className="dialog-form" ref={form} onSubmit={submit}>
        <p>
          What the payment provider says.{' '}
          <span className="muted">The status stays, and no money is moved.</span>
        </p>
        <PaymentFields
          draft={draft}
          states={STATES}
          currency={seen.currency}
          hints={{
            reference: 'the provider’s id, of a refund its own; never a card number',
            amount: 'of this report alone',
          }}
          isRequired
          errors={{
            reference: messageFor('reference', error),
            amount: messageFor('amount', error),
          }}
          onChange={(part) => setDraft({ ...draft, ...part })}
        />
        <div className="dialog-actions">
          <button type="submit" className="button button-primary" disabled={change.isPending}>
            {change.isPending ? 'Saving …' : 'Record'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
