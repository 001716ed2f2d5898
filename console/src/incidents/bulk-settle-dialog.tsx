import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, send } from '../api/client.ts';
import type { BulkIncidents, IncidentAction, IncidentCause } from '../api/types.ts';
import { ReasonForm } from '../order/reason-form.tsx';
import { announce } from '../ui/announcer.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { actionTitle, KINDS } from './incident-row.tsx';

/** The service takes this many in one request. */
const AT_ONCE = 500;

interface Props {
  group: IncidentCause;
  action: IncidentAction;
  onClose: () => void;
}

/** Explains what an action does to all incidents of a cause, and runs it: never on more than the dialog names. */
export function BulkSettleDialog({ group, action, onClose }: Props) {
  const client = useQueryClient();
  const [done, setDone] = useState(0);
  const { kind, endpoint_id: endpoint, cause, count, bulk_actions: actions } = group;
  const isReasonNeeded = action !== 'retry';
  const settle = useMutation({
    mutationFn: async (reason: string | undefined) => {
      // After an error it goes on with those that are left.
      let changed = done;
      for (;;) {
        const limit = Math.min(AT_ONCE, count - changed);
        const body = {
          action,
          kind,
          cause,
          limit,
          ...(endpoint !== undefined && { endpoint_id: endpoint }),
          ...(reason !== undefined && { reason }),
        } as BulkIncidents;
        const answer = await send(api.POST('/operations/incidents/bulk', { body }));
        changed += answer.changed;
        setDone(changed);
        if (changed >= count || answer.changed === 0 || answer.remaining === 0) return changed;
      }
    },
    onSuccess: (changed) => {
      announce(`${actionTitle(kind, action)}: ${changed} of ${count} incidents resolved`);
      onClose();
    },
    onSettled: () => client.invalidateQueries(),
  });
  const title = `${actionTitle(kind, action)} ${count} incidents`;
  return (
    <Dialog title={title} onClose={onClose} isBusy={settle.isPending}>
      <ReasonForm
        isReasonNeeded={isReasonNeeded}
        isReasonFirst
        submitLabel={title}
        isDangerous={isReasonNeeded}
        isBusy={settle.isPending}
        onSubmit={(reason) => settle.mutate(reason)}
      >
        <p>
          <strong>{count} incidents:</strong> {KINDS[kind]}. For each of them:{' '}
          {actions.find((offered) => offered.action === action)?.description}
        </p>
        {endpoint !== undefined && <p className="muted">Endpoint: {endpoint}</p>}
        <p className="muted">Cause: {cause}</p>
        {settle.isPending && count > AT_ONCE && (
          <output>
            {done} of {count} resolved
          </output>
        )}
        {settle.isError && <ProblemBox error={settle.error} purpose="change" />}
      </ReasonForm>
    </Dialog>
  );
}
