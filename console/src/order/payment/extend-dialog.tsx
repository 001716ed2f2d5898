import { type ReactNode, useState } from 'react';
import type { Order } from '../../api/types.ts';
import { Time } from '../../time/time.tsx';
import { TextField } from '../../ui/field.tsx';
import { ChangeDialog } from './change-dialog.tsx';
import { extendHold, messageFor, useOrderChange } from './change-order.ts';

const MINUTE_S = 60;

/** The longest hold that the service can be set to take: 30 days. */
const MAX_MINUTES = 43_200;

/** Usual extensions, in minutes. */
const CHOICES: [minutes: number, name: string][] = [
  [15, '15 minutes'],
  [60, '1 hour'],
  [1_440, '1 day'],
];

interface Props {
  /** The order as it was when the dialog was opened. */
  seen: Order;
  onClose: () => void;
}

/** Holds the stock of an order for longer. */
export function ExtendDialog({ seen, onClose }: Props) {
  /** null for another number, which is typed. */
  const [chosen, setChosen] = useState<number | null>(CHOICES[0]?.[0] ?? null);
  const [typed, setTyped] = useState('');
  const change = useOrderChange(
    seen.order_id,
    (minutes: number) => extendHold(seen.order_id, minutes * MINUTE_S),
    'The hold is extended',
    onClose,
  );
  const error = inMinutes(messageFor('hold_seconds', change.error));
  return (
    <ChangeDialog
      title="Extend the hold"
      action="Extend"
      busy="Saving …"
      change={change}
      read={() => chosen ?? Number(typed)}
      onClose={onClose}
    >
      {seen.expires_at !== null && (
        <p>
          The hold ends <Time at={seen.expires_at} />.{' '}
          <span className="muted">It never ends earlier than that.</span>
        </p>
      )}
      <HoldChoices chosen={chosen} onChoose={setChosen}>
        <TextField
          label="Minutes"
          type="number"
          min={1}
          max={MAX_MINUTES}
          step={1}
          required
          error={error}
          value={typed}
          onChange={setTyped}
        />
      </HoldChoices>
      {chosen !== null && error !== undefined && <p className="field-error">{`The hold ${error}`}</p>}
    </ChangeDialog>
  );
}

interface ChoicesProps {
  /** Minutes; null for another number. */
  chosen: number | null;
  onChoose: (minutes: number | null) => void;
  /** Where another number is typed. */
  children: ReactNode;
}

function HoldChoices({ chosen, onChoose, children }: ChoicesProps) {
  return (
    <fieldset className="fields">
      <legend>Hold the stock from now on for</legend>
      {CHOICES.map(([minutes, name], index) => (
        <label key={minutes} className="check">
          <input
            type="radio"
            name="hold"
            checked={chosen === minutes}
            data-focus={index === 0 || undefined}
            onChange={() => onChoose(minutes)}
          />
          {name}
        </label>
      ))}
      <label className="check">
        <input type="radio" name="hold" checked={chosen === null} onChange={() => onChoose(null)} />
        Another number of minutes
      </label>
      {chosen === null && children}
    </fieldset>
  );
}

/** The service counts in seconds: `must be at most 3600` is `must be at most 60 minutes`. */
function inMinutes(message: string | undefined): string | undefined {
  return message?.replace(/\d+$/, (seconds) => `${Math.floor(Number(seconds) / MINUTE_S)} minutes`);
}
