import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, send } from '../api/client.ts';
import type { Endpoint, WebhookTest } from '../api/types.ts';
import { announce } from '../ui/announcer.tsx';
import { DeleteDialog } from './dialogs/delete-dialog.tsx';
import { EditDialog } from './dialogs/edit-dialog.tsx';
import { ReplayDialog } from './dialogs/replay-dialog.tsx';
import { RotateDialog } from './dialogs/rotate-dialog.tsx';
import { WebhookProblem } from './webhook-problem.tsx';
import { pathOf, WEBHOOKS } from './webhooks.query.ts';

type DialogName = 'edit' | 'rotate' | 'replay' | 'delete';

export function EndpointActions({ endpoint }: { endpoint: Endpoint }) {
  const { id, state, replay } = endpoint;
  const [opened, setOpened] = useState<DialogName | null>(null);
  const test = useTest(id);
  const toggle = useToggle(endpoint);
  const cancel = useCancelReplay(id);
  const close = (): void => setOpened(null);
  const isEnabled = state === 'enabled';
  return (
    <>
      <fieldset className="actions">
        <legend className="visually-hidden">Change the endpoint</legend>
        <button
          type="button"
          className={isEnabled ? 'button button-primary' : 'button'}
          disabled={test.isPending}
          onClick={() => test.mutate()}
        >
          {test.isPending ? 'Sending …' : 'Send test event'}
        </button>
        <button type="button" className="button" onClick={() => setOpened('edit')}>
          Edit
        </button>
        <button type="button" className="button" onClick={() => setOpened('rotate')}>
          Rotate secret
        </button>
        {replay === null ? (
          <button type="button" className="button" onClick={() => setOpened('replay')}>
            Replay events
          </button>
        ) : (
          <CancelButton cancel={cancel} />
        )}
        <button
          type="button"
          className={isEnabled ? 'button' : 'button button-primary'}
          title={isEnabled ? 'Events wait until the endpoint is enabled again' : 'Sends the events that wait'}
          disabled={toggle.isPending}
          onClick={() => toggle.mutate()}
        >
          {isEnabled ? 'Disable' : 'Enable'}
        </button>
        <button type="button" className="button" onClick={() => setOpened('delete')}>
          Delete
        </button>
      </fieldset>
      {cancel.isError && <WebhookProblem error={cancel.error} />}
      {toggle.isError && <WebhookProblem error={toggle.error} />}
      {test.isError && <WebhookProblem error={test.error} unknown="The test event may have been sent." />}
      {test.data && <TestResult result={test.data} />}
      {opened === 'edit' && <EditDialog endpoint={endpoint} onClose={close} />}
      {opened === 'rotate' && <RotateDialog endpointId={id} onClose={close} />}
      {opened === 'replay' && <ReplayDialog endpointId={id} onClose={close} />}
      {opened === 'delete' && <DeleteDialog endpoint={endpoint} onClose={close} />}
    </>
  );
}

function useTest(id: string) {
  return useMutation({
    mutationFn: () => send(api.POST('/webhooks/{webhook_id}/test', pathOf(id))),
    onSuccess: ({ delivered }) => announce(`The test event was ${delivered ? '' : 'not '}delivered`),
  });
}

function useToggle({ id, state }: Endpoint) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      send(
        state === 'enabled'
          ? api.POST('/webhooks/{webhook_id}/disable', pathOf(id))
          : api.POST('/webhooks/{webhook_id}/enable', pathOf(id)),
      ),
    onSuccess: ({ state: now }) => announce(`The endpoint is ${now}`),
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
}

function useCancelReplay(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => send(api.DELETE('/webhooks/{webhook_id}/replay', pathOf(id))),
    onSuccess: () => announce('The replay is cancelled'),
    onSettled: () => client.invalidateQueries({ queryKey: WEBHOOKS }),
  });
}

function CancelButton({ cancel }: { cancel: ReturnType<typeof useCancelReplay> }) {
  return (
    <button
      type="button"
      className="button"
      title="Events that are queued already are still sent"
      disabled={cancel.isPending}
      onClick={() => cancel.mutate()}
    >
      Cancel replay
    </button>
  );
}

function TestResult({ result }: { result: WebhookTest }) {
  const { delivered, status, duration_ms: ms, answer, error } = result;
  return (
    <section className="notice" aria-label="Result of the test event">
      <p>
        <span className={`badge badge-${delivered ? 'delivered' : 'failed'}`}>
          {delivered ? 'Test event delivered' : 'Test event not delivered'}
        </span>{' '}
        <span className="muted">
          {status !== null && `${status} · `}
          {ms} ms
        </span>
      </p>
      {error !== null && <p className="reason">{error}</p>}
      {answer !== null && answer !== '' && <pre className="answer">{answer}</pre>}
    </section>
  );
}
