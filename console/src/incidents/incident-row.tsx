import type { Incident, IncidentAction } from '../api/types.ts';
import { OrderLink } from '../orders/order-link.tsx';
import { formatDuration } from '../time/zone.ts';

export const KINDS: Record<Incident['kind'], string> = {
  reservation: 'Stock in doubt',
  notification: 'Message not delivered',
  stock_release: 'Stock not released',
  cart_checkout: 'Cart not checked out',
  pending_order: 'Placement not completed',
};

export const ACTIONS: Record<IncidentAction, string> = {
  retry: 'Retry',
  release: 'Release stock',
  write_off: 'Write off',
};

/** What the incident is about, as in `2 × PROD001, line 1`. */
export function aboutIncident({ line, product_id: product, quantity, event_seq: event }: Incident): string {
  if (product !== undefined) return `${quantity ?? '?'} × ${product}, line ${line ?? '?'}`;
  return event === undefined ? '' : `event ${event}`;
}

interface Props {
  incident: Incident;
  onChoose: (action: IncidentAction) => void;
}

export function IncidentRow({ incident, onChoose }: Props) {
  return (
    <tr role="row" data-row={incident.incident_id}>
      <td role="cell" className="cell-age">
        <time dateTime={incident.since}>{formatDuration(incident.age_seconds)}</time>
      </td>
      <td role="cell" className="cell-kind">
        <span className="two-part">
          <span>{KINDS[incident.kind]}</span>
          <span className="muted">{aboutIncident(incident)}</span>
        </span>
      </td>
      <td role="cell" className="cell-order">
        <OrderLink order={incident} />
      </td>
      <td role="cell" className="cell-reason">
        {incident.reason}
      </td>
      <td role="cell" className="cell-actions">
        {incident.actions.map(({ action, description }) => (
          <button
            key={action}
            type="button"
            className="button"
            title={description}
            onClick={() => onChoose(action)}
          >
            {ACTIONS[action]}
          </button>
        ))}
      </td>
    </tr>
  );
}
