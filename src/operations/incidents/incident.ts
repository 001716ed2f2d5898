/**
 * What only a person can resolve, by kind, with the actions that are safe. `does`: the effect of the action, for the
 * operator. `result`: its result, for the response.
 *
 * `reservation`: a line of an order that is not live, with an unknown reservation. `notification`, `stock_release`,
 * `cart_checkout`, `webhook_failed`, `paid_without_stock` (of a late confirmation) and `stock_lost` (the inventory does not keep the
 * units of a confirmed order): a dead task. `pending_order`: an order that neither its request nor recovery has completed in time;
 * its task has no last attempt, so it never dies.
 */
export const INCIDENT_KINDS = {
  reservation: {
    retry: {
      does: 'Ask the inventory again, under the same key, and release what it holds.',
      result: 'The inventory is being asked again.',
    },
    release: {
      does: 'You have made sure that the inventory holds the units for this line: they are released, with one call.',
      result: 'The units are being released.',
    },
    write_off: {
      does: 'You have made sure that nothing is held for this line, or accept the loss: the inventory is not called, and units that it still holds stay held.',
      result: 'The line counts as released; the inventory was not called.',
    },
  },
  notification: {
    retry: {
      does: 'Send the message again, and then those about the same order that wait behind it.',
      result: 'The message is being sent again.',
    },
    write_off: {
      does: 'The customer is not notified of this change; later messages about the order are sent.',
      result: 'The message is given up; those behind it are being sent.',
    },
  },
  stock_release: {
    retry: {
      does: 'Retry the release of the stock of this order; lines that were released stay released.',
      result: 'The release of the stock is being retried.',
    },
    write_off: {
      does: 'You have made sure that nothing is held for this order, or accept the loss: the inventory is not called, and units that it still holds stay held.',
      result: 'All lines count as released; the inventory was not called.',
    },
  },
  cart_checkout: {
    retry: {
      does: 'Retry the checkout of the cart.',
      result: 'The checkout of the cart is being retried.',
    },
    write_off: {
      does: 'The cart service is not notified; the cart may still appear active.',
      result: 'The cart service was not notified.',
    },
  },
  webhook_failed: {
    retry: {
      does: 'Send the event to the endpoint again, and then those about the same order that wait behind it.',
      result: 'The event is being sent again.',
    },
    write_off: {
      does: 'Skip the event: the endpoint does not receive it; later events about the order are sent.',
      result: 'The event is skipped; those behind it are being sent.',
    },
  },
  paid_without_stock: {
    retry: {
      does: 'Reserve the stock again, and confirm the order if that succeeds.',
      result: 'The stock is being reserved again; the status of the order is the result.',
    },
    write_off: {
      does: 'You refund the payment: the order is cancelled, and units that may still be held for it are released.',
      result: 'The order is cancelled; refund its payment.',
    },
  },
  stock_lost: {
    retry: {
      does: 'Ask the inventory again to keep the units of this order until they are released, as after you have corrected its stock.',
      result: 'The inventory is being asked again.',
    },
    write_off: {
      does: 'You have set the units aside, or accept that the order may not be delivered: the inventory is not called, and the order stays confirmed.',
      result: 'The order stays confirmed; the inventory was not called.',
    },
  },
  pending_order: {
    retry: {
      does: 'Retry the placement: reserve the stock and confirm the order, if that is possible now.',
      result: 'The placement was retried; the status of the order is its result.',
    },
    release: {
      does: 'Take the order back: it fails, and its stock is released.',
      result: 'The order was taken back; its stock is being released.',
    },
  },
} as const satisfies Record<string, Partial<Record<string, ActionText>>>;

interface ActionText {
  does: string;
  result: string;
}

export type IncidentKind = keyof typeof INCIDENT_KINDS;

export const INCIDENT_KIND_NAMES = Object.keys(INCIDENT_KINDS) as IncidentKind[];

export const INCIDENT_ACTIONS = ['retry', 'release', 'write_off'] as const;

export type IncidentAction = (typeof INCIDENT_ACTIONS)[number];

/** The subject of an incident. */
export interface Subject {
  kind: IncidentKind;
  orderId: string;
  /** The receiver of the event, of `webhook_failed` only. Several may have failed to receive the same event. */
  endpointId?: string;
  /** The line of a reservation, the event of a message; 0 where the order as a whole is meant. */
  number: number;
}

/** Something that waits for a person. */
export interface Incident extends Subject {
  /** The other service's message, if any. No personal data. */
  reason: string;
  since: Date;
  actions: IncidentAction[];
  /** Attempts of its task, if it has one. */
  attempts?: number;
  /** Lease version of a dead task: another attempt since then has raised it. */
  leaseVersion?: number;
  productId?: string;
  quantity?: number;
  /** Whether a payment has come for the order since its hold expired, which confirms it once these units are released. */
  paymentWaits?: true;
}

/** The text of an action that its kind of incident has. */
export function textOf(kind: IncidentKind, action: IncidentAction): ActionText {
  const texts: Partial<Record<IncidentAction, ActionText>> = INCIDENT_KINDS[kind];
  const text = texts[action];
  if (!text) throw new Error(`an incident of kind ${kind} has no action ${action}`);
  return text;
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

const ID = new RegExp(
  String.raw`^(?<kind>[a-z_]+)-(?<orderId>${UUID})(?:-(?<endpointId>${UUID}))?-(?<number>\d{1,9})-(?<round>\d{1,9})$`,
);

/**
 * The id of an incident. A resolved incident may come back, for example when a redriven message fails again. It is
 * then another incident, of the next round, so that a late retry of the request that resolved the earlier one has no
 * effect.
 */
export function incidentId({ kind, orderId, endpointId, number }: Subject, round: number): string {
  const endpoint = endpointId === undefined ? '' : `-${endpointId}`;
  return `${kind}-${orderId}${endpoint}-${number}-${round}`;
}

/** @returns the subject of the id, or undefined for an invalid one */
export function parseIncidentId(id: string): Subject | undefined {
  const groups = ID.exec(id)?.groups;
  const kind = INCIDENT_KIND_NAMES.find((name) => name === groups?.['kind']);
  const orderId = groups?.['orderId'];
  const endpointId = groups?.['endpointId'];
  if (!kind || orderId === undefined) return undefined;
  if ((kind === 'webhook_failed') !== (endpointId !== undefined)) return undefined;
  return { kind, orderId, ...(endpointId && { endpointId }), number: Number(groups?.['number']) };
}

/** The order of the list: the oldest order first, then by subject. */
export function compareSubjects(one: Subject, other: Subject): number {
  const [left, right] = [sortKey(one), sortKey(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Digits of the largest line or event number that an id may carry. */
const NUMBER_DIGITS = 9;

function sortKey({ orderId, kind, endpointId = '', number }: Subject): string {
  return `${orderId}/${kind}/${endpointId}/${String(number).padStart(NUMBER_DIGITS, '0')}`;
}
