import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { isOutcomeUnknown, ProblemError } from '../../api/problem.ts';
import type { Correction, Order } from '../../api/types.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ProblemBox } from '../../ui/problem-box.tsx';
import { Conflict } from '../conflict.tsx';
import { correctOrder } from '../use-order.ts';
import { CorrectionForm, type FieldErrors } from './correction-form.tsx';

interface Props {
  /** The order as it was when the dialog was opened. */
  seen: Order;
  onClose: () => void;
}

/** Corrects what was written on the order, unless the order has changed in between. */
export function CorrectionDialog({ seen, onClose }: Props) {
  const client = useQueryClient();
  const [wasUnanswered, setUnanswered] = useState(false);
  const change = useMutation({
    mutationFn: (patch: Correction) => correctOrder(seen, patch),
    onSuccess: (order) => {
      client.setQueryData(['order', order.order_id, 'itself'], order);
      announce('The order is saved');
      onClose();
    },
    onError: (error) => {
      if (isOutcomeUnknown(error)) setUnanswered(true);
    },
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['order', seen.order_id] });
      void client.invalidateQueries({ queryKey: ['orders'] });
    },
  });
  const problem = change.error instanceof ProblemError ? change.error : undefined;
  const errors = useMemo(() => errorsOf(problem), [problem]);
  return (
    <Dialog title="Edit the order" onClose={onClose} isBusy={change.isPending} isWide>
      {problem?.status === 412 ? (
        <Conflict
          seen={seen}
          isWanted={({ type }) => type === 'corrected'}
          done="The order is saved."
          notDone="your changes were not saved"
          wasUnanswered={wasUnanswered}
          onClose={onClose}
        />
      ) : (
        <>
          {change.isError && <ProblemBox error={change.error} purpose="change" />}
          <CorrectionForm
            order={seen}
            errors={errors}
            isBusy={change.isPending}
            onSubmit={(patch) => (Object.keys(patch).length === 0 ? onClose() : change.mutate(patch))}
          />
        </>
      )}
    </Dialog>
  );
}

/** Fields inside of tags and metadata have no message of their own in the form. */
const WHOLE = /^(tags|metadata)\b.*/;

function errorsOf(problem: ProblemError | undefined): FieldErrors {
  const errors = problem?.body.errors ?? [];
  return Object.fromEntries(errors.map(({ field, message }) => [field.replace(WHOLE, '$1'), message]));
}
