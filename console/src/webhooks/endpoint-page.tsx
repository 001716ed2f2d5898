import { useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import type { Endpoint } from '../api/types.ts';
import { goBackOr, useOpened } from '../shell/history.ts';
import { Time } from '../time/time.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { useShortcuts } from '../ui/shortcuts.ts';
import { EndpointActions } from './endpoint-actions.tsx';
import { formatQueued, nameOf, StateBadge, Trouble } from './endpoint-state.tsx';
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
      <Facts endpoint={endpoint} />
      <WebhookDeliveries endpointId={endpoint.id} />
    </>
  );
}

function Facts({ endpoint }: { endpoint: Endpoint }) {
  const {
    id,
    events,
    failed,
    oldest_undelivered_at: oldest,
    disabled_at: disabledAt,
    replay,
    secrets,
  } = endpoint;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Details</h2>
      <dl className="facts endpoint-facts">
        <div>
          <dt>Events</dt>
          <dd>{events === null ? 'all' : events.join(', ')}</dd>
        </div>
        <div>
          <dt>Waiting</dt>
          <dd>
            {formatQueued(endpoint)}
            {oldest !== null && (
              <>
                {', the oldest since '}
                <Time at={oldest} />
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd>{failed.toLocaleString('en')}</dd>
        </div>
        {disabledAt !== null && (
          <div>
            <dt>Disabled</dt>
            <dd>
              <Time at={disabledAt} />
            </dd>
          </div>
        )}
        {replay && (
          <div>
            <dt>Replay</dt>
            <dd>
              after {replay.after}, at {replay.read_until} of {replay.until}
            </dd>
          </div>
        )}
        <div>
          <dt>Secrets</dt>
          <dd>
            <Secrets secrets={secrets} />
          </dd>
        </div>
        <div>
          <dt>Read up to</dt>
          <dd>feed number {endpoint.read_until}</dd>
        </div>
        <div>
          <dt>Added</dt>
          <dd>
            <Time at={endpoint.created_at} />
          </dd>
        </div>
        <div>
          <dt>ID</dt>
          <dd className="with-copy">
            <span className="mono">{id}</span>
            <CopyButton text={id} what="endpoint id" />
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Secrets({ secrets }: Pick<Endpoint, 'secrets'>) {
  return (
    <ul>
      {secrets.map(({ created_at: created, valid_until: end }) => (
        <li key={created}>
          of <Time at={created} />
          {end !== null && (
            <>
              {', signs until '}
              <Time at={end} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
