import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { IncidentCause, IncidentAction } from '../api/types.ts';
import { formatDuration } from '../time/zone.ts';
import { ProblemBox } from '../ui/problem-box.tsx';
import { TableHead } from './table-head.tsx';
import { BulkSettleDialog } from './bulk-settle-dialog.tsx';
import { actionTitle, KINDS } from './incident-row.tsx';
import { incidentCausesQuery } from './incidents.query.ts';

/** Incidents that have their kind, their endpoint of webhooks and their cause in common, with the actions on all of them. Nothing where none have. */
export function CauseTable() {
  const { data, error, refetch } = useQuery(incidentCausesQuery());
  const [chosen, setChosen] = useState<{ group: IncidentCause; action: IncidentAction } | null>(null);
  const groups = data?.causes.filter(({ count }) => count > 1) ?? [];
  if (error) return <ProblemBox error={error} onRetry={() => void refetch()} />;
  return (
    <>
      {groups.length > 0 && (
        <section aria-labelledby="causes">
          <h2 id="causes">Same cause</h2>
          <table className="list" role="table" aria-labelledby="causes">
            <TableHead columns={['Oldest', 'Incidents', 'Cause', 'Actions']} />
            <tbody role="rowgroup">
              {groups.map((group) => (
                <CauseRow
                  key={`${group.kind} ${group.endpoint_id ?? ''} ${group.cause}`}
                  group={group}
                  onChoose={(action) => setChosen({ group, action })}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {chosen && <BulkSettleDialog {...chosen} onClose={() => setChosen(null)} />}
    </>
  );
}

interface RowProps {
  group: IncidentCause;
  onChoose: (action: IncidentAction) => void;
}

function CauseRow({ group, onChoose }: RowProps) {
  const { kind, cause, count, oldest_since: since, oldest_age_seconds: age, bulk_actions: actions } = group;
  const about =
    group.endpoint_id === undefined ? KINDS[kind] : `${KINDS[kind]} to endpoint ${group.endpoint_id}`;
  return (
    <tr role="row">
      <td role="cell" className="cell-age">
        <time dateTime={since}>{formatDuration(age)}</time>
      </td>
      <td role="cell" className="cell-kind">
        <span className="two-part">
          <span>{KINDS[kind]}</span>
          <span className="muted">
            {count} incidents{group.endpoint_id !== undefined && ` of endpoint ${group.endpoint_id}`}
          </span>
        </span>
      </td>
      <td role="cell" className="cell-reason">
        {cause}
      </td>
      <td role="cell" className="cell-actions">
        {actions.map(({ action, description }) => (
          <button
            key={action}
            type="button"
            className="button"
            title={description}
            aria-label={`${actionTitle(kind, action)} all ${count}: ${about}, ${cause}`}
            onClick={() => onChoose(action)}
          >
            {actionTitle(kind, action)} all
          </button>
        ))}
      </td>
    </tr>
  );
}
