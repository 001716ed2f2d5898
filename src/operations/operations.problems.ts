import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { defineProblemTypes } from '../platform/http/problems/problem-types.js';
import type { IncidentAction } from './incidents/incident.js';

/** The errors of resolving incidents. */
export const OPERATIONS_PROBLEMS = defineProblemTypes({
  'incident-not-found': {
    status: 404,
    title: 'Incident not found',
    cause: 'There is no incident with this id, and there never was one.',
    remedy: 'Take the id from the list of incidents.',
  },
  'action-not-allowed': {
    status: 409,
    title: 'Action not available for this incident',
    cause: 'The incident does not have this action, or was already resolved by another one.',
    remedy: 'Choose one of `allowed_actions`; there are none when the incident is resolved.',
    members: {
      allowed_actions: 'the actions that the incident has',
      settled_by: 'the action that resolved it, if any',
    },
  },
  'payment-ended': {
    status: 409,
    title: 'Payment is not valid any more',
    cause:
      'The payment that was to confirm the order was refunded, voided or declined since, and no other valid payment of the ' +
      'order covers its total.',
    remedy:
      'Write the incident off, which cancels the order. If the customer has paid otherwise, record that with ' +
      '`POST /orders/{id}/payments` and try again.',
    members: { reference: 'the payment that was to confirm the order' },
  },
  'delivery-not-found': {
    status: 404,
    title: 'Delivery not found',
    cause: 'The order has no delivery with this id.',
    remedy: 'Take the id from the list of the deliveries of the order.',
  },
  'delivery-not-waiting': {
    status: 409,
    title: 'Delivery not waiting for a retry',
    cause: 'It was not tried yet, is under way, has arrived, or is out of attempts.',
    remedy: 'Read the deliveries of the order again. One that is out of attempts is resolved as an incident.',
  },
  'incident-in-progress': {
    status: 409,
    title: 'Incident is being resolved',
    cause: 'The order is being worked on at this moment, so that the incident may vanish.',
    remedy: 'Read the incidents of the order again, after the seconds in `Retry-After`.',
    members: { allowed_actions: 'none at this moment' },
  },
});

export type OperationsProblemName = keyof typeof OPERATIONS_PROBLEMS;

export function incidentNotFound(id: string): Problem {
  const detail = `There is and was no incident ${id}`;
  return new Problem('incident-not-found', OPERATIONS_PROBLEMS['incident-not-found'], detail);
}

export function actionNotAllowed(
  action: IncidentAction,
  allowed: readonly IncidentAction[],
  settledBy?: IncidentAction,
): Problem {
  const detail = settledBy
    ? `The incident was already resolved, by ${settledBy}`
    : `This incident can't be resolved by ${action}, only by ${allowed.join(' or ')}`;
  const extensions = { allowed_actions: allowed, ...(settledBy && { settled_by: settledBy }) };
  return new Problem('action-not-allowed', OPERATIONS_PROBLEMS['action-not-allowed'], detail, extensions);
}

/** The action may become possible, or unnecessary, in a moment. */
export function incidentInProgress(orderId: string): Problem {
  const detail = `Order ${orderId} is in progress; read its incidents again`;
  const kind = OPERATIONS_PROBLEMS['incident-in-progress'];
  return new Problem('incident-in-progress', kind, detail, { allowed_actions: [] }, RETRY_AFTER);
}

export function paymentEnded(reference: string): Problem {
  const detail = `The payment ${reference} was refunded, voided or declined, and no other one pays the order`;
  return new Problem('payment-ended', OPERATIONS_PROBLEMS['payment-ended'], detail, { reference });
}

export function deliveryNotFound(id: string): Problem {
  const kind = OPERATIONS_PROBLEMS['delivery-not-found'];
  return new Problem('delivery-not-found', kind, `There is no delivery ${id} of this order`);
}

export function deliveryNotWaiting(): Problem {
  const kind = OPERATIONS_PROBLEMS['delivery-not-waiting'];
  return new Problem('delivery-not-waiting', kind, 'This delivery does not wait for a retry');
}
