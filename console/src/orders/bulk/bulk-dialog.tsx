import { useEffect, useRef } from 'react';
import { useLocation, useSearch } from 'wouter';
import { ORDER_STATUS_NAMES, useNextStatuses } from '../../api/transitions.ts';
import type { OrderStatus } from '../../api/types.ts';
import { StatusForm } from '../../order/status-form.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { BulkResults } from './bulk-results.tsx';
import { useBulkRun } from './bulk-run.ts';
import { closeBulkDialog, deselect, type Selection, useBulkDialog } from './selection.ts';

/** The bulk dialog, wherever the person goes: a run that has begun is never out of sight. */
export function BulkDialogs() {
  const selection = useBulkDialog();
  return selection && <BulkDialog selection={selection} />;
}

/**
 * Sets the status of the orders that were selected when the dialog was opened, and shows the result of each. What changes in
 * between is for the service to notice.
 */
function BulkDialog({ selection }: { selection: Selection }) {
  const { progress, start, stop } = useBulkRun();
  useClosedByLeaving(progress === null);
  const isRunning = progress?.state === 'running';
  useLeaveWarning(isRunning);
  const close = (): void => {
    // What has a result is dealt with; the rest can be sent again.
    deselect(progress?.results.map(({ order_id: id }) => id) ?? []);
    closeBulkDialog();
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

/** Closes the dialog when the user goes to another page or filter, unless the run has started. */
function useClosedByLeaving(mayClose: boolean): void {
  const [location] = useLocation();
  const address = `${location}?${useSearch()}`;
  const opened = useRef(address);
  useEffect(() => {
    if (mayClose && address !== opened.current) closeBulkDialog();
  }, [mayClose, address]);
}

/** Lets the browser ask before the tab is closed: the orders that are not sent yet would be left as they are. */
function useLeaveWarning(isRunning: boolean): void {
  useEffect(() => {
    if (!isRunning) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isRunning]);
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
      <p>The status of these orders can’t be changed: each is still being placed, or has a final status.</p>
    );
  }
  const noteOf = (status: OrderStatus): string => {
    const count = possible.get(status) ?? 0;
    return count === selection.size ? '' : `Allowed for ${count} of them; the others will be refused.`;
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
