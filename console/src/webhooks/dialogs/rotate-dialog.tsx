import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, send } from '../../api/client.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Secret } from './secret.tsx';
import { WebhookProblem } from '../webhook-problem.tsx';
import { pathOf, WEBHOOKS } from '../webhooks.query.ts';

/** How long the old secret signs too, in hours. */
const CHOICES: [number, string][] = [
  [0, 'not at all: it has leaked'],
  [1, 'an hour'],
  [24, 'a day'],
  [168, 'a week'],
];

const UNKNOWN = 'The secret may have been replaced. Rotate again: the new one is then shown.';

interface Props {
  endpointId: string;
  onClose: () => void;
}

/** Replaces the secret of an endpoint, and shows the new one. */
export function RotateDialog({ endpointId, onClose }: Props) {
  const client = useQueryClient();
  const [hours, setHours] = useState(24);
  const rotate = useMutation({
    mutationFn: () =>
      send(
        api.POST('/webhooks/{webhook_id}/rotate-secret', {
          ...pathOf(endpointId),
          body: { valid_hours: hours },
        }),
      ),
    // A secret is forgotten with the dialog.
    gcTime: 0,
    onSuccess: () => announce('The secret is replaced'),
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
  const isDone = rotate.data !== undefined;
  return (
    <Dialog
      title={isDone ? 'Secret replaced' : 'Rotate secret'}
      onClose={onClose}
      // Esc must not lose the secret.
      isBusy={rotate.isPending || isDone}
    >
      {rotate.data ? (
        <Secret secret={rotate.data.secret} onDone={onClose}>
          {hours === 0
            ? 'From now on only this secret signs.'
            : 'Deliveries are signed with both secrets until the old one ends. Give this one to the receiver before.'}
        </Secret>
      ) : (
        <form
          className="dialog-form"
          onSubmit={(event) => {
            event.preventDefault();
            rotate.mutate();
          }}
        >
          {rotate.isError && <WebhookProblem error={rotate.error} unknown={UNKNOWN} />}
          <p>A new secret signs all deliveries. It is shown once.</p>
          <label>
            The old secret signs too for{' '}
            <select data-focus value={hours} onChange={({ target }) => setHours(Number(target.value))}>
              {CHOICES.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <div className="dialog-actions">
            <button type="submit" className="button button-primary" disabled={rotate.isPending}>
              {rotate.isPending ? 'Rotating …' : 'Rotate secret'}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
