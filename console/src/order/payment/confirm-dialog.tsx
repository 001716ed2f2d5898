import { useState } from 'react';
import { ProblemError } from '../../api/problem.ts';
import type { Confirmation, Order } from '../../api/types.ts';
import { formatMoney } from '../../ui/money.ts';
import { ChangeDialog } from './change-dialog.tsx';
import { confirmOrder, messageFor, useOrderChange } from './change-order.ts';
import { type PaymentDraft, PaymentFields } from './payment-fields.tsx';

const STATES = {
  authorized: 'the provider holds the money',
  captured: 'the money is yours',
};

type Draft = PaymentDraft<keyof typeof STATES>;

interface Props {
  /** The order as it was when the dialog was opened. */
  seen: Order;
  onClose: () => void;
}

/** Confirms an order that waits for its payment, or whose hold has ended. */
export function ConfirmDialog({ seen, onClose }: Props) {
  const [draft, setDraft] = useState<Draft>({ reference: '', state: 'authorized', amount: '' });
  const change = useOrderChange(
    seen.order_id,
    (body: Confirmation) => confirmOrder(seen.order_id, body),
    'The order is confirmed',
    onClose,
  );
  const { error } = change;
  const total = formatMoney(seen.total_amount, seen.currency);
  return (
    <ChangeDialog
      title="Confirm the order"
      action="Confirm"
      busy="Confirming …"
      change={change}
      read={() => confirmationOf(draft)}
      onClose={onClose}
    >
      <p>
        {seen.status === 'expired'
          ? 'The stock is reserved again, and the order is confirmed if there is enough.'
          : 'The stock stays reserved for good.'}{' '}
        <span className="muted">The customer is notified.</span>
      </p>
      <PaymentFields
        draft={draft}
        states={STATES}
        currency={seen.currency}
        hints={{
          reference: 'optional; the provider’s id, never a card number',
          amount: `optional; ${total} if empty`,
        }}
        isRequired={false}
        errors={{
          reference: messageFor('payment.reference', error),
          amount: isMismatch(error) ? `must be ${total}` : messageFor('payment.amount', error),
        }}
        onChange={(part) => setDraft({ ...draft, ...part })}
      />
    </ChangeDialog>
  );
}

function isMismatch(error: unknown): boolean {
  return error instanceof ProblemError && error.type === 'payment-mismatch';
}

/** Without a payment where nothing is written of one. An amount alone is refused for its missing reference. */
function confirmationOf({ reference, state, amount }: Draft): Confirmation {
  if (reference.trim() === '' && amount === '') return {};
  return {
    payment: { reference: reference.trim(), state, ...(amount !== '' && { amount: Number(amount) }) },
  };
}
