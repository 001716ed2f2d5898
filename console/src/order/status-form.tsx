import { useState } from 'react';
import type { OrderStatus } from '../api/types.ts';
import { ReasonForm } from './reason-form.tsx';

/** What setting a status does beyond the word itself. */
const MEANINGS: Partial<Record<OrderStatus, string>> = {
  confirmed: 'The order counts as paid and its stock stays reserved. No payment is recorded.',
  processing: 'The order is being prepared.',
  shipped: 'The order is on its way. It can no longer be cancelled.',
  delivered: 'The customer has received the order.',
  cancelled: 'The order will not be delivered and its stock is released. This can’t be undone.',
  returned: 'The customer has sent the order back. This can’t be undone.',
};

/** Who reads the history later has to know why. */
const NEEDS_REASON = new Set<OrderStatus>(['cancelled', 'returned']);

export interface StatusChoice {
  status: OrderStatus;
  reason?: string;
}

interface Props {
  /** The statuses to choose from. */
  statuses: OrderStatus[];
  initial?: OrderStatus | undefined;
  /** An addition to the meaning of a status, such as the number of orders that may get it. */
  noteOf?: ((status: OrderStatus) => string) | undefined;
  submitLabel: (status: OrderStatus) => string;
  isBusy?: boolean;
  onSubmit: (choice: StatusChoice) => void;
}

/** Asks for a status, and for a reason where one is due. */
export function StatusForm({ statuses, initial, noteOf, submitLabel, isBusy = false, onSubmit }: Props) {
  const [status, setStatus] = useState(initial ?? statuses[0]);
  if (status === undefined) return null;
  return (
    <ReasonForm
      isReasonNeeded={NEEDS_REASON.has(status)}
      submitLabel={submitLabel(status)}
      isDangerous={status === 'cancelled'}
      isBusy={isBusy}
      onSubmit={(reason) => onSubmit({ status, ...(reason !== undefined && { reason }) })}
    >
      <StatusChoices statuses={statuses} chosen={status} onChoose={setStatus} noteOf={noteOf} />
      <p className="muted">The customer is notified of the new status.</p>
    </ReasonForm>
  );
}

interface ChoicesProps extends Pick<Props, 'statuses' | 'noteOf'> {
  chosen: OrderStatus;
  onChoose: (status: OrderStatus) => void;
}

function StatusChoices({ statuses, chosen, onChoose, noteOf }: ChoicesProps) {
  return (
    <fieldset>
      <legend className="visually-hidden">New status</legend>
      {statuses.map((name) => (
        <label key={name} className="choice">
          <input
            type="radio"
            name="status"
            value={name}
            checked={name === chosen}
            data-focus={name === chosen || undefined}
            onChange={() => onChoose(name)}
          />
          <span>
            <strong>{name}</strong> <span className="muted">{MEANINGS[name]}</span>
            {noteOf && <span className="muted"> {noteOf(name)}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
