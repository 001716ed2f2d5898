import type { Incident, IncidentAction } from '../api/types.ts';
import { OrderLink } from '../orders/order-link.tsx';
import { formatDuration } from '../time/zone.ts';

export const KINDS: Record<Incident['kind'], string> = {
  reservation: 'Stock in doubt',
  notification: 'Message not delivered',
  stock_release: 'Stock not released',
  cart_checkout: 'Cart not checked out',
  webhook_failed: 'Webhook not delivered',
  paid_without_stock: 'Paid, but without stock',
  stock_lost: 'Stock lost',
  pending_order: 'Placement not completed',
};

/** Of an incident about stock that a late payment needs. */
export const PAYMENT_WAITS = 'The customer has paid: the order is confirmed after this release.';

const ACTIONS: Record<IncidentAction, string> = {
  retry: 'Retry',
  release: 'Release stock',
  write_off: 'Write off',
};

/** What an action is called on an incident of a kind. */
export function actionTitle(kind: Incident['kind'], action: IncidentAction): string {
  if (action === 'write_off' && kind === 'webhook_failed') return 'Skip';
  if (action === 'write_off' && kind === 'paid_without_stock') return 'Cancel order';
  return ACTIONS[action];
}

/** What the incident is about, as in `2 × PROD001, line 1`. */
export function aboutIncident(incident: Incident): string {
  const { line, product_id: product, quantity, event_seq: event, endpoint_id: endpoint } = incident;
  if (product !== undefined) return `${quantity ?? '?'} × ${product}, line ${line ?? '?'}`;
  if (event === undefined) return '';
  return endpoint === undefined ? `event ${event}` : `event ${event} to endpoint ${endpoint}`;
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
        {incident.payment_waits && <div className="muted">{PAYMENT_WAITS}</div>}
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
            {actionTitle(incident.kind, action)}
          </button>
        ))}
      </td>
    </tr>
  );
}
