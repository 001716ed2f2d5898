import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { nameOf } from './endpoint-state.tsx';
import { endpointsQuery } from './webhooks.query.ts';

/** Shown on every page while an endpoint does not get its events. */
export function TroubleBanner() {
  const { data } = useQuery(endpointsQuery());
  const [first, ...others] = data?.filter((endpoint) => endpoint.is_in_trouble) ?? [];
  if (!first) return null;
  return (
    <output className="banner">
      {others.length === 0 ? (
        <>
          Webhook endpoint <Link href={`/webhooks/${first.id}`}>{nameOf(first)}</Link> is in trouble.
        </>
      ) : (
        <>
          <Link href="/webhooks">{others.length + 1} webhook endpoints</Link> are in trouble.
        </>
      )}
    </output>
  );
}
