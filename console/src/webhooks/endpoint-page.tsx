import { useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import type { Endpoint } from '../api/types.ts';
import { goBackOr, useOpened } from '../shell/history.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { useShortcuts } from '../ui/shortcuts.ts';
import { EndpointActions } from './endpoint-actions.tsx';
import { EndpointFacts } from './endpoint-facts.tsx';
import { nameOf, StateBadge, Trouble } from './endpoint-state.tsx';
import { WebhookDeliveries } from './webhook-deliveries.tsx';
import { WebhookProblem } from './webhook-problem.tsx';
import { endpointQuery } from './webhooks.query.ts';

export function EndpointPage({ id }: { id: string }) {
  const { data: endpoint, error, isPending, refetch } = useQuery(endpointQuery(id));
  const [, navigate] = useLocation();
  const leave = (): void => goBackOr(() => navigate('/webhooks'));
  useOpened(id);
  useShortcuts({ u: leave });
  return (
    <div className="page endpoint-page">
      <title>{endpoint ? `Webhook ${nameOf(endpoint)}` : 'Webhook'}</title>
      <p>
        <Link className="back" href="/webhooks">
          ← Webhooks
        </Link>
      </p>
      {!endpoint && <h1>Webhook endpoint</h1>}
      {error && <WebhookProblem error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the endpoint …</p>}
      {endpoint && <EndpointView endpoint={endpoint} />}
    </div>
  );
}

function EndpointView({ endpoint }: { endpoint: Endpoint }) {
  return (
    <>
      <header className="page-header">
        <h1>{nameOf(endpoint)}</h1>
        <StateBadge endpoint={endpoint} />
      </header>
      {endpoint.description !== null && (
        <p className="with-copy">
          <span className="mono">{endpoint.url}</span>
          <CopyButton text={endpoint.url} what="URL" />
        </p>
      )}
      <Trouble endpoint={endpoint} />
      <EndpointActions endpoint={endpoint} />
      <EndpointFacts endpoint={endpoint} />
      <WebhookDeliveries endpointId={endpoint.id} />
    </>
  );
}
