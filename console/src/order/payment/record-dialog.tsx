import { useState } from 'react';
import type { Order, Payment } from '../../api/types.ts';
import { ChangeDialog } from './change-dialog.tsx';
import { messageFor, recordPayment, useOrderChange } from './change-order.ts';
import { type PaymentDraft, PaymentFields } from './payment-fields.tsx';

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
  return (
    <ChangeDialog
      title="Record a payment"
      action="Record"
      busy="Saving …"
      change={change}
      read={() => ({ ...draft, reference: draft.reference.trim(), amount: Number(draft.amount) })}
      onClose={onClose}
    >
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
    </ChangeDialog>
  );
}
