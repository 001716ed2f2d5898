import { useState } from 'react';
import { ORDER_STATUS_NAMES, useNextStatuses } from '../../api/transitions.ts';
import type { OrderStatus } from '../../api/types.ts';
import { StatusForm } from '../../order/status-form.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { BulkResults } from './bulk-results.tsx';
import { useBulkRun } from './bulk-run.ts';
import { clearSelection, type Selection, useSelection } from './selection.ts';

/** Sets the status of the selected orders, and says of each what became of it. */
export function BulkDialog({ onClose }: { onClose: () => void }) {
  const selected = useSelection();
  // As it was when the dialog was opened: what changes meanwhile is for the service to notice.
  const [selection] = useState<Selection>(selected);
  const { progress, start, stop } = useBulkRun();
  const isRunning = progress?.state === 'running';
  const close = (): void => {
    if (progress?.state === 'done') clearSelection();
    onClose();
  };
  const orders = [...selection.values()];
  const count = `${orders.length} ${orders.length === 1 ? 'order' : 'orders'}`;
  return (
    <Dialog title={`Change the status of ${count}`} onClose={close} isBusy={isRunning} isWide>
      {progress ? (
        <BulkResults progress={progress} onStop={stop} onClose={close} />
      ) : (
        <BulkForm selection={selection} onSubmit={(choice) => void start(orders, choice)} />
      )}
    </Dialog>
  );
}

interface FormProps {
  selection: Selection;
  onSubmit: Parameters<typeof StatusForm>[0]['onSubmit'];
}

function BulkForm({ selection, onSubmit }: FormProps) {
  const nextStatuses = useNextStatuses();
  const possible = new Map<OrderStatus, number>();
  for (const { status } of selection.values()) {
    for (const next of nextStatuses(status)) possible.set(next, (possible.get(next) ?? 0) + 1);
  }
  const statuses = ORDER_STATUS_NAMES.filter((status) => possible.has(status));
  if (statuses.length === 0) {
    return (
      <p>
        None of these orders can get another status: each is still being placed, or at the end of its life.
      </p>
    );
  }
  const noteOf = (status: OrderStatus): string => {
    const count = possible.get(status) ?? 0;
    return count === selection.size ? '' : `Possible for ${count} of them; the others will be refused.`;
  };
  return (
    <StatusForm
      statuses={statuses}
      initial={mostPossible(statuses, possible)}
      noteOf={noteOf}
      submitLabel={(status) => `Mark ${selection.size} as ${status}`}
      onSubmit={onSubmit}
    />
  );
}

/** What is possible for most of them, but nothing that can't be undone unless there is nothing else. */
function mostPossible(statuses: OrderStatus[], possible: Map<OrderStatus, number>): OrderStatus | undefined {
  const weight = (status: OrderStatus): number => (status === 'cancelled' ? 0 : (possible.get(status) ?? 0));
  return statuses.toSorted((one, other) => weight(other) - weight(one))[0];
}
