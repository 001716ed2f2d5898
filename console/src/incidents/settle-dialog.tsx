import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, send } from '../api/client.ts';
import type { Incident, IncidentAction } from '../api/types.ts';
import { ReasonForm } from '../order/reason-form.tsx';
import { announce } from '../ui/announcer.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { actionTitle } from './incident-row.tsx';

interface Props {
  incident: Incident;
  action: IncidentAction;
  onClose: () => void;
}

/** Explains an action and asks for a reason. A retry needs none, since it has no cost. */
export function SettleDialog({ incident, action, onClose }: Props) {
  const client = useQueryClient();
  const isReasonNeeded = action !== 'retry';
  const settle = useMutation({
    mutationFn: (reason: string | undefined) =>
      send(
        api.POST('/operations/incidents/{incident_id}', {
          params: { path: { incident_id: incident.incident_id } },
          body: { action, ...(reason !== undefined && { reason }) },
        }),
      ),
    onSuccess: ({ result }) => {
      announce(result);
      onClose();
    },
    onSettled: () => client.invalidateQueries(),
  });
  const title = actionTitle(incident.kind, action);
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
        <p>{incident.actions.find((offered) => offered.action === action)?.description}</p>
        <p className="muted">Reason: {incident.reason}</p>
        {settle.isError && <ProblemBox error={settle.error} purpose="change" />}
      </ReasonForm>
    </Dialog>
  );
}
