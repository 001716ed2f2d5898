import type { ReactNode } from 'react';
import type { Endpoint } from '../api/types.ts';
import { Time } from '../time/time.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { formatCount } from './endpoint-state.tsx';

export function EndpointFacts({ endpoint }: { endpoint: Endpoint }) {
  const { id, events, failed, disabled_at: disabledAt, replay, secrets } = endpoint;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Details</h2>
      <dl className="facts endpoint-facts">
        <Fact name="Events">{events === null ? 'all' : events.join(', ')}</Fact>
        <Fact name="Waiting">
          <Waiting endpoint={endpoint} />
        </Fact>
        <Fact name="Failed">{formatCount(failed)}</Fact>
        {disabledAt !== null && (
          <Fact name="Disabled">
            <Time at={disabledAt} />
          </Fact>
        )}
        {replay && (
          <Fact name="Replay">
            after {replay.after}, at {replay.read_until} of {replay.until}
          </Fact>
        )}
        <Fact name="Secrets">
          <Secrets secrets={secrets} />
        </Fact>
        <Fact name="Read up to">feed number {endpoint.read_until}</Fact>
        <Fact name="Added">
          <Time at={endpoint.created_at} />
        </Fact>
        <Fact name="ID">
          <span className="with-copy">
            <span className="mono">{id}</span>
            <CopyButton text={id} what="endpoint id" />
          </span>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Waiting({ endpoint }: { endpoint: Endpoint }) {
  const { oldest_undelivered_at: oldest } = endpoint;
  return (
    <>
      {formatCount(endpoint.queued)}
      {oldest !== null && (
        <>
          {', the oldest since '}
          <Time at={oldest} />
        </>
      )}
    </>
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
