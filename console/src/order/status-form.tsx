import { type FormEvent, useId, useState } from 'react';
import type { OrderStatus } from '../api/types.ts';

/** What setting a status does beyond the word itself. */
const MEANINGS: Partial<Record<OrderStatus, string>> = {
  processing: 'Somebody works on it.',
  shipped: 'It is on its way. From here it can not be cancelled any more.',
  delivered: 'The customer has it.',
  cancelled: 'It will not be delivered. Its stock is given back. This can not be undone.',
  returned: 'The customer has sent it back. This can not be undone.',
};

/** Who reads the history later has to know why. */
const NEEDS_REASON = new Set<OrderStatus>(['cancelled', 'returned']);

const MAX_REASON = 500;

export interface StatusChoice {
  status: OrderStatus;
  reason?: string;
}

interface Props {
  /** The statuses to choose from. */
  statuses: OrderStatus[];
  initial?: OrderStatus | undefined;
  /** What is said about a status beside what it means, such as for how many orders it is possible. */
  noteOf?: ((status: OrderStatus) => string) | undefined;
  submitLabel: (status: OrderStatus) => string;
  isBusy?: boolean;
  onSubmit: (choice: StatusChoice) => void;
}

/** Asks for a status, and for a reason where one is due. */
export function StatusForm({ statuses, initial, noteOf, submitLabel, isBusy = false, onSubmit }: Props) {
  const [status, setStatus] = useState(initial ?? statuses[0]);
  const [reason, setReason] = useState('');
  const id = useId();
  if (status === undefined) return null;
  const needsReason = NEEDS_REASON.has(status);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const text = reason.trim();
    onSubmit({ status, ...(text !== '' && { reason: text }) });
  };
  return (
    <form onSubmit={submit} className="dialog-form">
      <StatusChoices statuses={statuses} chosen={status} onChoose={setStatus} noteOf={noteOf} />
      <label htmlFor={id}>
        Reason{' '}
        <span className="muted">
          {needsReason
            ? '(needed; it stays in the history)'
            : '(if there is one to tell; it stays in the history)'}
        </span>
      </label>
      <textarea
        id={id}
        rows={2}
        maxLength={MAX_REASON}
        required={needsReason}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <p className="muted">The customer is told of the new status.</p>
      <div className="dialog-actions">
        <button
          type="submit"
          className={status === 'cancelled' ? 'button button-danger' : 'button button-primary'}
          disabled={isBusy}
        >
          {isBusy ? 'Saving …' : submitLabel(status)}
        </button>
      </div>
    </form>
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
