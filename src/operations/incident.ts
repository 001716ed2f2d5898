/**
 * What only a person can settle, by kind, with the actions that are safe. `does`: what the action means, for whoever
 * has to choose. `result`: what has come of it, for the answer.
 *
 * `reservation`: a line of an order that came to nothing, of which nobody knows whether units are held.
 * `notification`, `stock_release`, `cart_checkout`: a background job that ran out of attempts.
 * `pending_order`: an order that neither its request nor recovery has settled in time.
 */
export const INCIDENT_KINDS = {
  reservation: {
    retry: {
      does: 'Ask the inventory again, under the same key, and give back what it holds.',
      result: 'The inventory is being asked again.',
    },
    release: {
      does: 'You have made sure that the inventory holds the units for this line: they are given back, with one call.',
      result: 'The units are being given back.',
    },
    write_off: {
      does: 'You have made sure that nothing is held for this line, or accept the loss: the inventory is not called.',
      result: 'The line counts as given back; the inventory was not called.',
    },
  },
  notification: {
    retry: {
      does: 'Send the message again, and then those about the same order that wait behind it.',
      result: 'The message is being sent again.',
    },
    write_off: {
      does: 'The customer is not told of this change; the later messages about the order are sent.',
      result: 'The message is given up; those behind it are being sent.',
    },
  },
  stock_release: {
    retry: {
      does: 'Give the stock of this order back again; what was given back already stays as it is.',
      result: 'The stock is being given back again.',
    },
    write_off: {
      does: 'You have made sure that nothing is held for this order, or accept the loss: the inventory is not called.',
      result: 'All lines count as given back; the inventory was not called.',
    },
  },
  cart_checkout: {
    retry: {
      does: 'Tell the cart service again that the cart was ordered.',
      result: 'The cart service is being told again.',
    },
    write_off: {
      does: 'The cart service is not told; the cart may still look as if it had not been ordered.',
      result: 'The cart service was not told.',
    },
  },
  pending_order: {
    retry: {
      does: 'Drive the order on: reserve its stock and confirm it, if that can be done now.',
      result: 'The order was driven on; its status tells what came of it.',
    },
    release: {
      does: 'Take the order back: it fails, and what is held for it is given back.',
      result: 'The order was taken back; its stock is being given back.',
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

/** What an incident is about. */
export interface Subject {
  kind: IncidentKind;
  orderId: string;
  /** The line of a reservation, the event of a notification; 0 where the order as a whole is meant. */
  number: number;
}

/** Something that waits for a person. */
export interface Incident extends Subject {
  /** In the words of the other service where it said something. Never about the customer. */
  reason: string;
  since: Date;
  actions: IncidentAction[];
  productId?: string;
  quantity?: number;
}

/** The text of an action that its kind of incident has. */
export function textOf(kind: IncidentKind, action: IncidentAction): ActionText {
  const texts: Partial<Record<IncidentAction, ActionText>> = INCIDENT_KINDS[kind];
  const text = texts[action];
  if (!text) throw new Error(`an incident of kind ${kind} has no action ${action}`);
  return text;
}

const ID =
  /^(?<kind>[a-z_]+)-(?<orderId>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-(?<number>\d{1,9})-(?<round>\d{1,9})$/;

/**
 * The id of an incident. What was settled may come back, as when a message is tried again in vain: it is then another
 * incident, of the next round, so that a request that settles the earlier one does nothing when it is repeated late.
 */
export function incidentId({ kind, orderId, number }: Subject, round: number): string {
  return `${kind}-${orderId}-${number}-${round}`;
}

/** @returns what the id is about, or undefined when it is none */
export function parseIncidentId(id: string): Subject | undefined {
  const groups = ID.exec(id)?.groups;
  const kind = INCIDENT_KIND_NAMES.find((name) => name === groups?.['kind']);
  const orderId = groups?.['orderId'];
  if (!kind || orderId === undefined) return undefined;
  return { kind, orderId, number: Number(groups?.['number']) };
}

/** Incidents are listed in this order: by the age of the order, the oldest first, then by what they are about. */
export function compareSubjects(one: Subject, other: Subject): number {
  const [left, right] = [sortKey(one), sortKey(other)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Digits of the largest line or event number that an id may carry. */
const NUMBER_DIGITS = 9;

function sortKey({ orderId, kind, number }: Subject): string {
  return `${orderId}/${kind}/${String(number).padStart(NUMBER_DIGITS, '0')}`;
}
