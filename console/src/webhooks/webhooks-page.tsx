import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import type { Endpoint } from '../api/types.ts';
import { TableHead } from '../incidents/table-head.tsx';
import { FROM_INSIDE } from '../shell/history.ts';
import { Time } from '../time/time.tsx';
import { Empty } from '../ui/empty.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useRowKeys } from '../ui/row-keys.ts';
import { CreateDialog } from './dialogs/create-dialog.tsx';
import { formatCount, MAX_COUNTED_IN_LIST, StateBadge } from './endpoint-state.tsx';
import { endpointsQuery } from './webhooks.query.ts';

const COLUMNS = ['Endpoint', 'State', 'Events', 'Waiting', 'Failed', 'Waiting since'];

export function WebhooksPage() {
  const { data, error, isPending, refetch } = useQuery(endpointsQuery());
  const [isCreating, setCreating] = useState(false);
  const list = useRef<HTMLTableElement>(null);
  useRowKeys(list);
  return (
    <div className="page">
      <title>Webhooks</title>
      <header className="page-header">
        <h1>Webhooks</h1>
        <span className="spacer" />
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          Add endpoint
        </button>
      </header>
      <p className="muted">Each endpoint receives the events of all orders, signed and in order per order.</p>
      {error && <ProblemBox error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the endpoints …</p>}
      {!error && data?.length === 0 && (
        <Empty title="No endpoints yet">
          <p>
            Add the URL of a program that has to know what happens to orders: an ERP, a warehouse, a mailer.
          </p>
        </Empty>
      )}
      {data && data.length > 0 && (
        <table className="list endpoints" role="table" aria-label="Endpoints" ref={list}>
          <TableHead columns={COLUMNS} />
          <tbody role="rowgroup">
            {data.map((endpoint) => (
              <EndpointRow key={endpoint.id} endpoint={endpoint} />
            ))}
          </tbody>
        </table>
      )}
      {isCreating && <CreateDialog onClose={() => setCreating(false)} />}
    </div>
  );
}

function EndpointRow({ endpoint }: { endpoint: Endpoint }) {
  const { id, url, description, events, queued, failed, oldest_undelivered_at: oldest } = endpoint;
  return (
    <tr role="row" data-row={id}>
      <td role="cell" className="cell-endpoint">
        <Link href={`/webhooks/${id}`} state={FROM_INSIDE} data-open>
          {description ?? url}
        </Link>
        {description !== null && <span className="muted">{url}</span>}
      </td>
      <td role="cell" className="cell-state">
        <StateBadge endpoint={endpoint} />
      </td>
      <td role="cell">
        {events === null ? 'all' : events.length === 1 ? events[0] : `${events.length} types`}
        <span className="in-card"> events</span>
      </td>
      <td role="cell">
        {formatCount(queued, MAX_COUNTED_IN_LIST)}
        <span className="in-card"> waiting</span>
      </td>
      <td role="cell" className={failed > 0 ? 'failure' : undefined}>
        {formatCount(failed, MAX_COUNTED_IN_LIST)}
        <span className="in-card"> failed</span>
      </td>
      <td role="cell">
        {oldest === null ? (
          '—'
        ) : (
          <>
            <span className="in-card">since </span>
            <Time at={oldest} />
          </>
        )}
      </td>
    </tr>
  );
}
