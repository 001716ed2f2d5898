import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, send } from '../../api/client.ts';
import type { Endpoint } from '../../api/types.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { type EndpointDraft, EndpointForm } from './endpoint-form.tsx';
import { WebhookProblem } from '../webhook-problem.tsx';
import { pathOf, WEBHOOKS } from '../webhooks.query.ts';

interface Props {
  endpoint: Endpoint;
  onClose: () => void;
}

export function EditDialog({ endpoint, onClose }: Props) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (body: EndpointDraft) =>
      send(api.PATCH('/webhooks/{webhook_id}', { ...pathOf(endpoint.id), body })),
    onSuccess: () => {
      announce('The endpoint is saved');
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
  return (
    <Dialog title="Edit endpoint" onClose={onClose} isBusy={change.isPending} isWide>
      {change.isError && <WebhookProblem error={change.error} />}
      <EndpointForm
        endpoint={endpoint}
        error={change.error}
        submitLabel="Save"
        isBusy={change.isPending}
        onSubmit={(draft) => change.mutate(draft)}
      />
    </Dialog>
  );
}
