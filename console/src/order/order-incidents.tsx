import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Incident, IncidentAction } from '../api/types.ts';
import { aboutIncident, actionTitle, KINDS, PAYMENT_WAITS } from '../incidents/incident-row.tsx';
import { orderIncidentsQuery } from '../incidents/incidents.query.ts';
import { SettleDialog } from '../incidents/settle-dialog.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';

/** What of this order needs a decision, with the actions for it. Nothing at all where nothing does. */
export function OrderIncidents({ orderId }: { orderId: string }) {
  const { data, error, refetch } = useQuery(orderIncidentsQuery(orderId));
  const [chosen, setChosen] = useState<{ incident: Incident; action: IncidentAction } | null>(null);
  if (error) return <ProblemBox error={error} onRetry={() => void refetch()} />;
  if (!data || data.count === 0) return null;
  return (
    <section className="notice" aria-labelledby="incidents">
      <h2 id="incidents">Needs a decision</h2>
      <ul>
        {data.incidents.map((incident) => (
          <li key={incident.incident_id}>
            <p>
              <strong>{KINDS[incident.kind]}</strong> <span className="muted">{aboutIncident(incident)}</span>
            </p>
            <p className="reason">{incident.reason}</p>
            {incident.payment_waits && <p className="muted">{PAYMENT_WAITS}</p>}
            <p className="actions">
              {incident.actions.map(({ action, description }) => (
                <button
                  key={action}
                  type="button"
                  className="button"
                  title={description}
                  onClick={() => setChosen({ incident, action })}
                >
                  {actionTitle(incident.kind, action)}
                </button>
              ))}
            </p>
          </li>
        ))}
      </ul>
      {chosen && <SettleDialog {...chosen} onClose={() => setChosen(null)} />}
    </section>
  );
}
