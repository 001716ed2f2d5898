import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { api, send } from '../../api/client.ts';
import { FROM_INSIDE } from '../../shell/history.ts';
import { announce } from '../../ui/announcer.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { type EndpointDraft, EndpointForm } from './endpoint-form.tsx';
import { Secret } from './secret.tsx';
import { WebhookProblem } from '../webhook-problem.tsx';
import { WEBHOOKS } from '../webhooks.query.ts';

const UNKNOWN = 'The endpoint may have been added. Look at the list before you try again.';

/** Adds an endpoint, and shows its secret. */
export function CreateDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const create = useMutation({
    mutationFn: ({ url, description, events }: EndpointDraft) =>
      send(
        api.POST('/webhooks', {
          body: { url, ...(description !== null && { description }), ...(events && { events }) },
        }),
      ),
    // A secret is forgotten with the dialog.
    gcTime: 0,
    onSuccess: () => announce('The endpoint is added'),
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
  const done = (id: string): void => {
    onClose();
    navigate(`/webhooks/${id}`, { state: FROM_INSIDE });
  };
  const created = create.data;
  return (
    <Dialog
      title={created ? 'Endpoint added' : 'Add endpoint'}
      onClose={onClose}
      // Esc must not lose the secret.
      isBusy={create.isPending || created !== undefined}
      isWide
    >
      {created ? (
        <Secret secret={created.secret} onDone={() => done(created.id)}>
          The endpoint receives every event from now on. Verify each signature with this secret.
        </Secret>
      ) : (
        <>
          {create.isError && <WebhookProblem error={create.error} unknown={UNKNOWN} />}
          <EndpointForm
            error={create.error}
            submitLabel="Add endpoint"
            isBusy={create.isPending}
            onSubmit={(draft) => create.mutate(draft)}
          />
        </>
      )}
    </Dialog>
  );
}
