import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, send } from '../../api/client.ts';
import type { Replay } from '../../api/types.ts';
import { useZone } from '../../time/use-zone.ts';
import { instantOf } from '../../time/zone.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import { WebhookProblem } from '../webhook-problem.tsx';
import { pathOf, WEBHOOKS } from '../webhooks.query.ts';

/** Positions are numbers of the feed, or times. */
type Unit = 'time' | 'number';

const LABELS: Record<Unit, [after: string, until: string]> = {
  time: ['Events after', 'Until'],
  number: ['Events after feed number', 'Until feed number'],
};

interface Props {
  endpointId: string;
  onClose: () => void;
}

function useReplay(endpointId: string, onStarted: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Replay) =>
      send(api.POST('/webhooks/{webhook_id}/replay', { ...pathOf(endpointId), body })),
    onSuccess: () => {
      announce('The replay has started');
      onStarted();
    },
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
}

/** Sends a range of past events again. */
export function ReplayDialog({ endpointId, onClose }: Props) {
  const zone = useZone();
  const [unit, setUnit] = useState<Unit>('time');
  const [after, setAfter] = useState('');
  const [until, setUntil] = useState('');
  const position = (text: string): number | string =>
    unit === 'number' ? Number(text) : instantOf(text, zone).toISOString();
  const replay = useReplay(endpointId, onClose);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    replay.mutate({ after: position(after), ...(until !== '' && { until: position(until) }) });
  };
  const choose = (chosen: Unit): void => {
    setUnit(chosen);
    setAfter('');
    setUntil('');
  };
  const input = unit === 'number' ? { type: 'number', min: 0, step: 1 } : { type: 'datetime-local' };
  const [afterLabel, untilLabel] = LABELS[unit];
  return (
    <Dialog title="Replay events" onClose={onClose} isBusy={replay.isPending}>
      <form className="dialog-form" onSubmit={submit}>
        {replay.isError && <WebhookProblem error={replay.error} />}
        <p>
          Past events are sent again with the same <code>webhook-id</code>, and with the orders as they are
          now. New events are sent at the same time.
        </p>
        <label>
          Range by{' '}
          <select data-focus value={unit} onChange={({ target }) => choose(target.value as Unit)}>
            <option value="time">time</option>
            <option value="number">feed number</option>
          </select>
        </label>
        <TextField
          {...input}
          key={`${unit}-after`}
          label={afterLabel}
          {...(unit === 'time' && { hint: zone })}
          required
          value={after}
          onChange={setAfter}
        />
        <TextField
          {...input}
          key={`${unit}-until`}
          label={untilLabel}
          hint="empty: up to now"
          value={until}
          onChange={setUntil}
        />
        <div className="dialog-actions">
          <button type="submit" className="button button-primary" disabled={replay.isPending}>
            {replay.isPending ? 'Starting …' : 'Start replay'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
