import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { Incident, IncidentAction } from '../api/types.ts';
import { figuresQuery } from '../health/figures.query.ts';
import { formatDuration } from '../time/zone.ts';
import { Empty } from '../ui/empty.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useRowKeys } from '../ui/row-keys.ts';
import { TableHead } from './table-head.tsx';
import { CauseTable } from './cause-table.tsx';
import { IncidentRow } from './incident-row.tsx';
import { incidentsQuery } from './incidents.query.ts';
import { SettleDialog } from './settle-dialog.tsx';

export function IncidentsPage() {
  const [params, setParams] = useSearchParams();
  const cursor = params.get('cursor');
  const { data, error, isPending, refetch } = useQuery(incidentsQuery(cursor));
  const [chosen, setChosen] = useState<{ incident: Incident; action: IncidentAction } | null>(null);
  const list = useRef<HTMLTableElement>(null);
  useRowKeys(list);
  return (
    <div className="page">
      <title>Incidents</title>
      <header className="page-header">
        <h1>Incidents</h1>
      </header>
      <p className="muted">Problems that need your decision, oldest first.</p>
      {error && <ProblemBox error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the incidents …</p>}
      {!error && data?.count === 0 && <NoIncidents />}
      {!error && <CauseTable />}
      {data && data.count > 0 && (
        <table className="list" role="table" aria-label="Incidents" ref={list}>
          <TableHead columns={['Age', 'Incident', 'Order', 'Reason', 'Actions']} />
          <tbody role="rowgroup">
            {data.incidents.map((incident) => (
              <IncidentRow
                key={incident.incident_id}
                incident={incident}
                onChoose={(action) => setChosen({ incident, action })}
              />
            ))}
          </tbody>
        </table>
      )}
      {data && (
        <Pages
          isFirst={cursor === null}
          next={data.next_cursor}
          onTurn={(to) => setParams(to === null ? {} : { cursor: to })}
        />
      )}
      {chosen && <SettleDialog {...chosen} onClose={() => setChosen(null)} />}
    </div>
  );
}

/** No incident is open. That is not all: what still fails and is retried becomes an incident only after a long time. */
function NoIncidents() {
  const { data, error } = useQuery(figuresQuery('hour'));
  const backlog = data?.notification_backlog;
  return (
    <Empty title="No open incidents">
      {error && <p>The figures could not be loaded, so pending retries are not shown here.</p>}
      {backlog !== undefined && backlog.waiting > 0 && (
        <p>
          {backlog.waiting} {backlog.waiting === 1 ? 'message' : 'messages'} to customers{' '}
          {backlog.waiting === 1 ? 'is' : 'are'} still waiting, the oldest for{' '}
          {formatDuration(backlog.oldest_seconds)}. The service keeps retrying them. See{' '}
          <Link href="/health">Health</Link>.
        </p>
      )}
    </Empty>
  );
}

interface PagesProps {
  isFirst: boolean;
  next: string | null;
  onTurn: (cursor: string | null) => void;
}

function Pages({ isFirst, next, onTurn }: PagesProps) {
  if (isFirst && next === null) return null;
  return (
    <nav className="pager" aria-label="Pages of the list">
      <button type="button" className="button" disabled={isFirst} onClick={() => onTurn(null)}>
        First page
      </button>
      <button type="button" className="button" disabled={next === null} onClick={() => onTurn(next)}>
        Next page
      </button>
    </nav>
  );
}
