import type { UseMutationResult } from '@tanstack/react-query';
import type { FormEvent, ReactNode } from 'react';
import type { Order } from '../../api/types.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { PaymentProblem } from './payment-problem.tsx';
import { useFocusOnError } from './use-focus-on-error.ts';

interface Props<Input> {
  title: string;
  /** Name of the button, and what it says while the change is under way. */
  action: string;
  busy: string;
  change: UseMutationResult<Order, Error, Input>;
  /** Reads the form when it is sent. */
  read: () => Input;
  onClose: () => void;
  /** The fields. */
  children: ReactNode;
}

/** A form about the hold or a payment of an order, with what the service says about it. */
export function ChangeDialog<Input>({ title, action, busy, change, read, onClose, children }: Props<Input>) {
  const { error, isPending } = change;
  const form = useFocusOnError(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate(read());
  };
  return (
    <Dialog title={title} onClose={onClose} isBusy={isPending}>
      {error && <PaymentProblem error={error} />}
      <form className="dialog-form" ref={form} onSubmit={submit}>
        {children}
        <div className="dialog-actions">
          <button type="submit" className="button button-primary" disabled={isPending}>
            {isPending ? busy : action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
