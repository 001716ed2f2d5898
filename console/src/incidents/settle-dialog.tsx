import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { api, send } from '../api/client.ts';
import type { Incident, IncidentAction } from '../api/types.ts';
import { announce } from '../ui/announcer.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { ACTIONS } from './incident-row.tsx';

const MAX_REASON = 500;

interface Props {
  incident: Incident;
  action: IncidentAction;
  onClose: () => void;
}

/** Says what an action means, and asks why; trying again needs no reason, since it costs nothing. */
export function SettleDialog({ incident, action, onClose }: Props) {
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const id = useId();
  const isReasonNeeded = action !== 'retry';
  const settle = useMutation({
    mutationFn: () =>
      send(
        api.POST('/operations/incidents/{incident_id}', {
          params: { path: { incident_id: incident.incident_id } },
          body: { action, ...(reason.trim() !== '' && { reason: reason.trim() }) },
        }),
      ),
    onSuccess: ({ result }) => {
      announce(result);
      onClose();
    },
    onSettled: () => client.invalidateQueries(),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    settle.mutate();
  };
  return (
    <Dialog title={ACTIONS[action]} onClose={onClose} isBusy={settle.isPending}>
      <form className="dialog-form" onSubmit={submit}>
        <p>{incident.actions.find((offered) => offered.action === action)?.description}</p>
        <p className="muted">Why it waits: {incident.reason}</p>
        {settle.isError && <ProblemBox error={settle.error} />}
        <label htmlFor={id}>
          Reason{' '}
          <span className="muted">
            {isReasonNeeded ? '(needed; it stays in the history)' : '(if there is one to tell)'}
          </span>
        </label>
        <textarea
          id={id}
          rows={2}
          maxLength={MAX_REASON}
          required={isReasonNeeded}
          data-focus
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <div className="dialog-actions">
          <button
            type="submit"
            className={isReasonNeeded ? 'button button-danger' : 'button button-primary'}
            disabled={settle.isPending}
          >
            {settle.isPending ? 'Saving …' : ACTIONS[action]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
