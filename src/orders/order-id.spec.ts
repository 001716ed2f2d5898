import { expect, it } from '@jest/globals';
import { newOrderId, timeOfOrderId } from './order-id.js';

const NOW = Date.UTC(2026, 10, 26);
const DAY_MS = 86_400_000;

it('ascends within a millisecond and across a small step back', () => {
  const ids = [NOW, NOW, NOW, NOW - 900, NOW - 500, NOW + 1].map((now) => newOrderId(now));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

it('follows the clock back by a day, so that later orders do not share one time', () => {
  newOrderId(NOW + DAY_MS);
  const times = [NOW, NOW + 1, NOW + 2].map((now) => timeOfOrderId(newOrderId(now)).getTime());
  expect(times).toEqual([NOW, NOW + 1, NOW + 2]);
});

it('stays unique when the clock shows the same time twice', () => {
  const hours = Array.from({ length: 2_000 }, (_, at) => newOrderId(at % 2 === 0 ? NOW : NOW + DAY_MS));
  expect(new Set(hours).size).toBe(hours.length);
});
