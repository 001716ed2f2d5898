import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { isOutcomeUnknown, ProblemError } from '../api/problem.ts';
import { useNextStatuses } from '../api/transitions.ts';
import type { Order, OrderStatus } from '../api/types.ts';
import { announce } from '../ui/announcer.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { Conflict } from './conflict.tsx';
import { StatusForm } from './status-form.tsx';
import { setStatus } from './use-order.ts';

interface Props {
  /** The order as it was when the dialog was opened. */
  seen: Order;
  initial: OrderStatus;
  onClose: () => void;
}

/** Asks for the new status and sets it, unless the order has changed in between. */
export function StatusDialog({ seen, initial, onClose }: Props) {
  const client = useQueryClient();
  const statuses = useNextStatuses()(seen.status);
  const [wasUnanswered, setUnanswered] = useState(false);
  const change = useMutation({
    mutationFn: (choice: { status: OrderStatus; reason?: string }) => setStatus(seen, choice),
    onSuccess: (order) => {
      client.setQueryData(['order', order.order_id, 'itself'], order);
      announce(`The order is ${order.status}`);
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
  const wanted = change.variables?.status ?? initial;
  const isConflict = change.error instanceof ProblemError && change.error.status === 412;
  return (
    <Dialog title="Change the status" onClose={onClose} isBusy={change.isPending}>
      {isConflict ? (
        <Conflict
          seen={seen}
          isWanted={({ to }) => to === wanted}
          done={`The order is ${wanted}.`}
          notDone={`it was not marked as ${wanted}`}
          wasUnanswered={wasUnanswered}
          onClose={onClose}
        />
      ) : (
        <>
          {change.isError && <ProblemBox error={change.error} purpose="change" />}
          <StatusForm
            statuses={statuses}
            initial={initial}
            submitLabel={(status) => `Mark as ${status}`}
            isBusy={change.isPending}
            onSubmit={(choice) => change.mutate(choice)}
          />
        </>
      )}
    </Dialog>
  );
}
