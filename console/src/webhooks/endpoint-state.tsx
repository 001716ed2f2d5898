import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useMay } from '../api/caller.ts';
import type { Endpoint } from '../api/types.ts';
import { Time } from '../time/time.tsx';

/** The service counts no further. */
const MAX_COUNTED = 10_000;

/** The same in the list of endpoints. */
export const MAX_COUNTED_IN_LIST = 1_000;

export function nameOf({ description, url }: Endpoint): string {
  return description ?? url;
}

/** As in `1,234`, or `10,000+` where there may be more. */
export function formatCount(count: number, limit = MAX_COUNTED): string {
  return count >= limit ? `${limit.toLocaleString('en')}+` : count.toLocaleString('en');
}

/** Whether events are sent to it, in words and a colour. */
export function StateBadge({ endpoint: { state, is_in_trouble: isInTrouble } }: { endpoint: Endpoint }) {
  if (isInTrouble && state === 'enabled') return <span className="badge badge-failed">in trouble</span>;
  return <span className={`badge badge-${isInTrouble ? 'failed' : state}`}>{state}</span>;
}

/** Why an endpoint is in trouble, and what to do about it. Nothing where it is not. */
export function Trouble({ endpoint }: { endpoint: Endpoint }) {
  const { is_in_trouble: isInTrouble, disabled_reason: reason, failed } = endpoint;
  const resolves = useMay()('operations');
  if (!isInTrouble) return null;
  return (
    <section className="notice trouble" aria-labelledby="trouble">
      <h2 id="trouble">In trouble</h2>
      <ul>
        {reason === 'gone' && (
          <li>
            The endpoint answered 410 (Gone), so it was disabled. Its events wait. Enable it to go on where it
            stopped, or delete it.
          </li>
        )}
        {failed > 0 && (
          <li>
            {formatCount(failed)} {failed === 1 ? 'event' : 'events'} failed for good, and later events of the
            same orders wait.{' '}
            {resolves ? (
              <>
                Retry or skip {failed === 1 ? 'it' : 'them'} under <Link href="/incidents">Incidents</Link>.
              </>
            ) : (
              'An operator has to retry or skip them.'
            )}
          </li>
        )}
        <Oldest endpoint={endpoint} />
      </ul>
    </section>
  );
}

function Oldest({ endpoint: { state, oldest_undelivered_at: oldest } }: { endpoint: Endpoint }): ReactNode {
  if (oldest === null) return null;
  return (
    <li>
      The oldest event that is not delivered waits since <Time at={oldest} />.
      {state === 'enabled' && ' The service keeps retrying; the answers below say why.'}
    </li>
  );
}
