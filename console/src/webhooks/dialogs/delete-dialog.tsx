import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { api, send } from '../../api/client.ts';
import type { Endpoint } from '../../api/types.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { formatCount } from '../endpoint-state.tsx';
import { WebhookProblem } from '../webhook-problem.tsx';
import { endpointsQuery, pathOf, WEBHOOKS } from '../webhooks.query.ts';

interface Props {
  endpoint: Endpoint;
  onClose: () => void;
}

export function DeleteDialog({ endpoint, onClose }: Props) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const { id, url, queued } = endpoint;
  const remove = useMutation({
    mutationFn: () => send(api.DELETE('/webhooks/{webhook_id}', pathOf(id))),
    onSuccess: () => {
      announce('The endpoint is deleted');
      onClose();
      navigate('/webhooks', { replace: true });
      client.setQueryData(endpointsQuery().queryKey, (list) => list?.filter((other) => other.id !== id));
      client.removeQueries({ queryKey: [...WEBHOOKS, id] });
    },
    onSettled: () => client.invalidateQueries({ queryKey: endpointsQuery().queryKey }),
  });
  return (
    <Dialog title="Delete endpoint" onClose={onClose} isBusy={remove.isPending}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          remove.mutate();
        }}
      >
        {remove.isError && <WebhookProblem error={remove.error} />}
        <p className="reason">
          <strong>{url}</strong>
        </p>
        <p>
          {queued > 0 &&
            `${formatCount(queued)} waiting ${queued === 1 ? 'event is' : 'events are'} not sent. `}
          The secret and the list of deliveries are deleted too. This can’t be undone. To pause, disable the
          endpoint instead: its events then wait.
        </p>
        <div className="dialog-actions">
          <button type="button" className="button" data-focus disabled={remove.isPending} onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-danger" disabled={remove.isPending}>
            {remove.isPending ? 'Deleting …' : 'Delete endpoint'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
