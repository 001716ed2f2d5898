import { type Answer, answer, refusal } from '../idempotency.ts';
import { readFields, readId, readInteger, readText, readTime } from '../input.ts';
import type { Call, ServiceServer } from '../service-server.ts';
import type { HoldOutcome, Stock } from '../stock.ts';
import { readLines } from './reserved-lines.ts';

/** Reservations in one answer. */
const MAX_LISTED = 1_000;

function idOf({ params }: Call): string {
  return params['id'] ?? '';
}

/** Reads when a reservation is to end. @returns milliseconds since 1970; null: when it is released */
function readEnd(value: unknown): number | null {
  return value === undefined || value === null ? null : readTime(value, 'expires_at');
}

/** The reservations of the inventory: see docs/reservations.md. */
export function addReservations(server: ServiceServer, stock: Stock): void {
  server.mutate('POST', '/reservations', {
    effect: (call) => {
      const fields = readFields(call.body, 'the body');
      const id = readId(fields['reservation_id'], 'reservation_id');
      const until = readEnd(fields['expires_at']);
      return presentHold(stock, id, stock.hold(id, readLines(fields['items']), call, until));
    },
    replayed: (call) =>
      stock.recordReplay(null, call, readId(readFields(call.body, 'the body')['reservation_id'], 'id')),
  });
  server.mutate('PATCH', '/reservations/:id', {
    effect: (call) => {
      const id = idOf(call);
      const kept = stock.keep(id, readEnd(readFields(call.body, 'the body')['expires_at']));
      if (kept === 'kept') return answer(200, { expires_at: presentEnd(stock, id) });
      return kept === 'ended'
        ? refusal(410, `Reservation ${id} is not held any more`)
        : refusal(404, `Reservation ${id} not found`);
    },
    replayed: (call) => stock.recordReplay(null, call, idOf(call)),
  });
  server.read('/reservations', ({ query }) => {
    const fields = readFields(query, 'the query');
    const after = fields['after'] === undefined ? '' : readText(fields['after'], 'after');
    const limit = readInteger(Number(fields['limit'] ?? MAX_LISTED), 'limit', 1, MAX_LISTED);
    const page = [...stock.reservations]
      .filter(([id]) => id > after)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, limit);
    return answer(200, { reservations: page.map(([id, items]) => ({ reservation_id: id, items })) });
  });
  server.mutate('DELETE', '/reservations/:id', {
    effect: (call) => {
      stock.cancel(idOf(call), call);
      return { status: 204, body: '' };
    },
    replayed: (call) => stock.recordReplay(null, call, idOf(call)),
  });
}

/** No line is short, and yet it can't be made. */
function refuseHold(detail: string): Answer {
  return answer(409, { detail, shortages: [] });
}

function presentEnd(stock: Stock, id: string): string | null {
  const end = stock.endOf(id);
  return end === null ? null : new Date(end).toISOString();
}

function presentHold(stock: Stock, id: string, hold: HoldOutcome): Answer {
  switch (hold.outcome) {
    case 'held':
    case 'held-before': {
      const end = presentEnd(stock, id);
      return answer(201, { reservation_id: id, status: 'held', ...(end !== null && { expires_at: end }) });
    }
    case 'short': {
      const products = hold.shortages.map((line) => line.product_id).join(', ');
      return answer(409, { detail: `Insufficient stock for ${products}`, shortages: hold.shortages });
    }
    case 'cancelled':
      return refuseHold(`Reservation ${id} was cancelled`);
    case 'other-items':
      return refuseHold(`Reservation ${id} exists with other items`);
    case 'full':
  }
  return refusal(503, 'Too many reservations are held');
}
