import { useId } from 'react';
import { TextField } from '../../ui/field.tsx';

/** As long as the service takes. */
const MAX_REFERENCE_LENGTH = 128;
const MAX_AMOUNT_LENGTH = 16;

/** Digits, and up to four decimals: the currency of the order has fewer in most cases, which the service checks. */
const AMOUNT = String.raw`\d{1,11}(\.\d{1,4})?`;

/** A payment as it is typed. */
export interface PaymentDraft<State extends string> {
  reference: string;
  state: State;
  amount: string;
}

interface Props<State extends string> {
  draft: PaymentDraft<State>;
  /** States to choose from, with what they mean. */
  states: Record<State, string>;
  currency: string;
  /** What is said beside the labels. */
  hints: { reference: string; amount: string };
  isRequired: boolean;
  errors: { reference: string | undefined; amount: string | undefined };
  onChange: (part: Partial<PaymentDraft<State>>) => void;
}

export function PaymentFields<State extends string>(props: Props<State>) {
  const { draft, states, currency, hints, isRequired, errors, onChange } = props;
  const id = useId();
  return (
    <>
      <TextField
        label="Payment reference"
        hint={hints.reference}
        data-focus
        autoComplete="off"
        maxLength={MAX_REFERENCE_LENGTH}
        required={isRequired}
        error={errors.reference}
        value={draft.reference}
        onChange={(reference) => onChange({ reference })}
      />
      <div className="field">
        <label htmlFor={id}>State</label>
        <select
          id={id}
          value={draft.state}
          onChange={(event) => onChange({ state: event.target.value as State })}
        >
          {(Object.entries(states) as [State, string][]).map(([state, meaning]) => (
            <option key={state} value={state}>
              {state}: {meaning}
            </option>
          ))}
        </select>
      </div>
      <TextField
        label={`Amount in ${currency}`}
        hint={hints.amount}
        inputMode="decimal"
        autoComplete="off"
        pattern={AMOUNT}
        title="An amount such as 12.50"
        maxLength={MAX_AMOUNT_LENGTH}
        required={isRequired}
        error={errors.amount}
        value={draft.amount}
        onChange={(amount) => onChange({ amount })}
      />
    </>
  );
}
