import type { StockedProduct } from '../../../sandbox/stock.ts';
import { Random } from '../campaign/random.ts';
import { drawHold, HOLD_SECONDS, type HoldWish } from './hold-wishes.ts';
import { addressOf, type ClientRecord, type Details, personOf } from './record.ts';

/** What a client will do, drawn before it starts. */
export interface Wish {
  record: ClientRecord;
  /** Number of copies of the request that are sent at the same time. */
  copies: number;
  /** Whether the copies have different keys, so that only the cart or the reference identifies the order. */
  ownKeys: boolean;
  /** Whether the request is sent again later, with the same key. */
  isRepeated: boolean;
  /** Statuses to set one after another; those of an inner list are set at the same time. */
  changes: string[][];
  /** Corrections that are sent at the same time, beside the first changes of status. */
  corrections: number;
  /** Null for an order that is confirmed at once. Others change their status only after a confirmation. */
  hold: HoldWish | null;
}

const ORDINARY = Array.from({ length: 30 }, (_, index) => `P${index + 1}`);
const SCARCE = Array.from({ length: 12 }, (_, index) => `S${index + 1}`);

/** More than any campaign sells. */
const PLENTY = 100_000_000;

export const PRICE = 10;

/**
 * Many products with unlimited stock and a few scarce ones. The stock of the scarce ones covers about half of the
 * demand, so that orders compete for the last units during the whole campaign.
 */
export function openingStock(orders: number): StockedProduct[] {
  const few = Math.max(3, Math.ceil(orders / 80));
  return [
    ...ORDINARY.map((id) => ({ id, name: `Product ${id}`, price: PRICE, quantity: PLENTY })),
    ...SCARCE.map((id) => ({ id, name: `Product ${id}`, price: PRICE, quantity: few })),
  ];
}

/** Share of the late confirmations whose units others want as well: some of them come too late. */
const SCARCE_AND_LATE = 0.6;

function drawItems(random: Random): ClientRecord['items'] {
  const count = random.pick([1, 1, 1, 2, 2, 3, 5]);
  const products = random.shuffle(ORDINARY).slice(0, count);
  if (random.chance(0.25)) products[0] = random.pick(SCARCE);
  // The same product in two lines: the lines are reserved separately and checked against the stock as a sum.
  if (count > 1 && random.chance(0.1)) products[1] = products[0] ?? '';
  return products.map((id) => ({ product_id: id, quantity: random.integer(1, 3) }));
}

function drawChanges(random: Random): string[][] {
  const draw = random.next();
  if (draw < 0.12) return [['cancelled']];
  if (draw < 0.17) return [['cancelled', 'cancelled', 'shipped']];
  if (draw < 0.22) return [['processing'], ['cancelled']];
  if (draw < 0.32) return [['processing'], ['shipped'], ['delivered']];
  return [];
}

/** Charges whose sum is not negative, so that no total is. */
function drawCharges(random: Random): Details['charges'] {
  return [
    { type: 'shipping', amount: random.integer(100, 999) / 100 },
    { type: 'tax', amount: random.integer(1, 500) / 100, included: random.chance(0.5) },
    ...(random.chance(0.5) ? [{ type: 'discount' as const, amount: -random.integer(1, 900) / 100 }] : []),
  ];
}

function drawDetails(random: Random, n: number, isToErase: boolean): Details {
  const person = personOf(n);
  return {
    ...(random.chance(0.4) && { source: random.pick(['shop', 'market']), source_order_id: `R-${n}` }),
    ...(random.chance(0.4) && { charges: drawCharges(random) }),
    ...(random.chance(0.4) && { metadata: { campaign: 'faults', n } }),
    ...(isToErase && {
      customer_phone: `+1 ${person}`,
      note: `ring at ${person}`,
      shipping_address: { name: person, line1: `${person} street`, city: person, country: 'DE' },
      metadata: { who: person },
    }),
  };
}

function drawCorrections(seed: number, n: number): number {
  const random = Random.of(seed, 'corrections', n);
  return random.chance(0.15) ? random.integer(1, 3) : 0;
}

function makeScarce(item: ClientRecord['items'][number], seed: number, n: number): void {
  const random = Random.of(seed, 'scarce', n);
  if (random.chance(SCARCE_AND_LATE)) item.product_id = random.pick(SCARCE);
}

/** @param n number of the order; the same seed and number give the same wish */
export function drawWish(seed: number, n: number): Wish {
  const random = Random.of(seed, 'wish', n);
  const draw = random.next();
  const kind =
    draw < 0.02 ? 'unknown-product' : draw < 0.04 ? 'changed-price' : draw < 0.16 ? 'cart' : 'items';
  const items = drawItems(random);
  const [first] = items;
  if (first && kind === 'unknown-product') first.product_id = 'NO-SUCH-PRODUCT';
  if (first && kind === 'changed-price') first.price = PRICE + 1;
  const hold = drawHold(seed, n);
  if (first && hold?.isLate && kind === 'items') makeScarce(first, seed, n);
  const isKeyed = random.chance(0.7);
  // An order of a cart may lack the customer's data: then there is no notification.
  const isTold = kind !== 'cart' || random.chance(0.6);
  const isCopied = random.chance(kind === 'cart' ? 0.4 : 0.12);
  const isAsync = random.chance(0.2);
  // Of their own sequence of random numbers, so that the other choices of a seed stay as they were.
  const own = Random.of(seed, 'details', n);
  const isToErase = kind === 'items' && isKeyed && own.chance(0.15);
  const details = kind === 'cart' ? {} : drawDetails(own, n, isToErase);
  const isReferenced = details.source_order_id !== undefined;
  return {
    record: {
      n,
      kind,
      key: isKeyed ? `key-${seed}-${n}` : null,
      customerId: kind === 'cart' ? `C${n}` : null,
      email: isTold ? addressOf(n) : null,
      cartId: null,
      items,
      isAsync,
      details,
      isToErase,
      isErased: false,
      keyExpiredAt: null,
      told: [],
      polls: [],
      changes: [],
      corrections: [],
      hold: hold && { seconds: HOLD_SECONDS, ended: [], requests: [] },
    },
    copies: isCopied && (isKeyed || isReferenced || kind === 'cart') ? random.integer(2, 3) : 1,
    // A copy with a key of its own may be placed again after another was refused, and its customer would not be erased.
    ownKeys: kind === 'cart' ? random.chance(0.6) : isReferenced && !isToErase && own.chance(0.6),
    isRepeated: isKeyed && random.chance(0.15),
    changes: drawChanges(random),
    corrections: isToErase ? 0 : drawCorrections(seed, n),
    hold,
  };
}
