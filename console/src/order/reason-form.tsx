import { type FormEvent, type ReactNode, useId, useState } from 'react';

/** As long as the service takes. */
const MAX_REASON = 500;

interface Props {
  /** What the reason is for. */
  children: ReactNode;
  isReasonNeeded: boolean;
  /** Whether it is what one begins with. */
  isReasonFirst?: boolean;
  submitLabel: string;
  /** Whether it can't be undone. */
  isDangerous: boolean;
  isBusy: boolean;
  /** @param reason undefined where there is none */
  onSubmit: (reason: string | undefined) => void;
}

/** Asks for a reason, and then runs the dialog's action. */
export function ReasonForm(props: Props) {
  const {
    children,
    isReasonNeeded,
    isReasonFirst = false,
    submitLabel,
    isDangerous,
    isBusy,
    onSubmit,
  } = props;
  const [reason, setReason] = useState('');
  const id = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSubmit(reason.trim() || undefined);
  };
  return (
    <form className="dialog-form" onSubmit={submit}>
      {children}
      <label htmlFor={id}>
        Reason{' '}
        <span className="muted">({isReasonNeeded ? 'required' : 'optional'}; kept in the order history)</span>
      </label>
      <textarea
        id={id}
        rows={2}
        maxLength={MAX_REASON}
        required={isReasonNeeded}
        data-focus={isReasonFirst || undefined}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="dialog-actions">
        <button
          type="submit"
          className={isDangerous ? 'button button-danger' : 'button button-primary'}
          disabled={isBusy}
        >
          {isBusy ? 'Saving …' : submitLabel}
        </button>
      </div>
    </form>
  );
}
