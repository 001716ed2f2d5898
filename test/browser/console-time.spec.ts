import { describe, expect, it } from '@jest/globals';
import { filterParams, readFilter, toQuery } from '../../console/src/orders/filters/order-filter.js';
import { formatDuration, formatTime, instantOf, startOfDay, wallTime } from '../../console/src/time/zone.js';

const BERLIN = 'Europe/Berlin';
const NEW_YORK = 'America/New_York';

describe('time zones of the console', () => {
  it.each([
    ['2026-01-31T23:30:00.000Z', BERLIN, '2026-02-01', '00:30:00'],
    ['2026-07-31T23:30:00.000Z', BERLIN, '2026-08-01', '01:30:00'],
    ['2026-07-31T03:59:59.999Z', NEW_YORK, '2026-07-30', '23:59:59'],
    ['2026-07-31T12:00:00.000Z', 'Asia/Kolkata', '2026-07-31', '17:30:00'],
    ['2026-07-31T00:00:00.000Z', 'UTC', '2026-07-31', '00:00:00'],
  ])('converts %s to the wall time of %s', (instant, zone, date, time) => {
    expect(wallTime(instant, zone)).toEqual({ date, time });
  });

  it.each([
    ['2026-01-31T12:00', BERLIN, '2026-01-31T11:00:00.000Z'],
    ['2026-07-31T12:00', BERLIN, '2026-07-31T10:00:00.000Z'],
    // The nights in which clocks are turned back and forward.
    ['2026-10-25T12:00', BERLIN, '2026-10-25T11:00:00.000Z'],
    ['2026-10-25T00:30', BERLIN, '2026-10-24T22:30:00.000Z'],
    ['2026-03-29T03:30', BERLIN, '2026-03-29T01:30:00.000Z'],
    ['2026-01-31T23:00', NEW_YORK, '2026-02-01T04:00:00.000Z'],
  ])('converts the wall time %s in %s to an instant', (text, zone, instant) => {
    expect(instantOf(text, zone).toISOString()).toBe(instant);
  });

  it('starts each day at midnight of the zone, also days of 23 or 25 hours', () => {
    const afterChange = new Date('2026-10-26T10:00:00Z');
    expect(startOfDay(0, BERLIN, afterChange).toISOString()).toBe('2026-10-25T23:00:00.000Z');
    expect(startOfDay(1, BERLIN, afterChange).toISOString()).toBe('2026-10-24T22:00:00.000Z');
    expect(startOfDay(1, 'UTC', new Date('2026-03-01T00:00:00Z')).toISOString()).toBe(
      '2026-02-28T00:00:00.000Z',
    );
  });

  it.each([
    // Midnight does not exist: clocks go from 23:59:59 to 01:00.
    ['America/Santiago', '2026-09-06T16:00:00Z', '2026-09-06T04:00:00.000Z'],
    ['Africa/Cairo', '2026-04-24T16:00:00Z', '2026-04-23T22:00:00.000Z'],
    ['Asia/Beirut', '2026-03-29T16:00:00Z', '2026-03-28T22:00:00.000Z'],
    // Midnight exists twice: the day begins with the first.
    ['America/Havana', '2026-11-01T16:00:00Z', '2026-11-01T04:00:00.000Z'],
    ['Australia/Lord_Howe', '2026-10-04T16:00:00Z', '2026-10-04T13:00:00.000Z'],
  ])('starts a day with its first instant in %s', (zone, now, start) => {
    const begin = startOfDay(0, zone, new Date(now));
    expect(begin.toISOString()).toBe(start);
    const day = wallTime(new Date(now), zone).date;
    expect(wallTime(begin, zone).date).toBe(day);
    expect(wallTime(new Date(begin.getTime() - 1), zone).date).not.toBe(day);
  });

  it('omits the date of times of today', () => {
    const now = new Date('2026-07-31T22:30:00Z');
    expect(formatTime('2026-07-31T22:15:00Z', BERLIN, now)).toBe('00:15:00');
    expect(formatTime('2026-07-31T21:15:00Z', BERLIN, now)).toBe('2026-07-31 23:15:00');
    expect([5, 65, 7_200, 200_000].map(formatDuration)).toEqual(['5 s', '1 min', '2 h', '2 d']);
  });
});

describe('filter in the address', () => {
  const now = new Date('2026-07-31T22:30:00Z');
  const query = (address: string) => toQuery(readFilter(new URLSearchParams(address), BERLIN), BERLIN, now);

  it.each([
    ['', {}],
    ['q=alice&status=failed', { q: 'alice', status: 'failed' }],
    ['status=confirmed,processing', { status: 'confirmed,processing' }],
    ['window=hour', { placed_from: '2026-07-31T21:30:00.000Z' }],
    ['window=day', { placed_from: '2026-07-30T22:30:00.000Z' }],
    ['window=today', { placed_from: '2026-07-31T22:00:00.000Z' }],
    ['window=yesterday', { placed_from: '2026-07-30T22:00:00.000Z', placed_to: '2026-07-31T22:00:00.000Z' }],
    ['window=week', { placed_from: '2026-07-24T22:30:00.000Z' }],
    ['window=custom&from=2026-07-01T08:00', { placed_from: '2026-07-01T06:00:00.000Z' }],
    ['window=custom&to=2026-07-01T08:00', { placed_to: '2026-07-01T06:00:00.000Z' }],
    ['from=2026-07-01T08:00:00Z', { placed_from: '2026-07-01T08:00:00.000Z' }],
    ['window=custom&from=2026-07-01', { placed_from: '2026-06-30T22:00:00.000Z' }],
    ['window=custom&from=2026-07-01T08:00:00.000Z', { placed_from: '2026-07-01T08:00:00.000Z' }],
    ['source=shop+1&tag=g%26t', { source: 'shop 1', tag: 'g&t' }],
    ['source_order_id=402-1', { source_order_id: '402-1' }],
    ['total_min=0&total_max=12.5000', { total_min: '0', total_max: '12.5000' }],
    ['window=custom&from=2026-07-01T08:00%2B09:00', { placed_from: '2026-06-30T23:00:00.000Z' }],
  ])('sends the query that %s means', (address, expected) => {
    expect(query(address)).toEqual(expected);
  });

  it.each([
    ['status=Failed', ['status=Failed']],
    ['status=constructor', ['status=constructor']],
    ['status=confirmed,lost', ['status=confirmed,lost']],
    ['window=toString', ['window=toString']],
    ['window=custom&from=yesterday', ['from=yesterday']],
    ['window=custom&from=2026-13-01&to=2026-07-01T25:00', ['from=2026-13-01', 'to=2026-07-01T25:00']],
    ['window=custom&from=2026-02-31T10:00', ['from=2026-02-31T10:00']],
    ['total_min=12,50&total_max=-1', ['total_min=12,50', 'total_max=-1']],
    ['total_min=1e3', ['total_min=1e3']],
    ['total_max=1.23456', ['total_max=1.23456']],
    [`source=${'s'.repeat(65)}`, [`source=${'s'.repeat(65)}`]],
    ['cursor=1', []],
  ])('ignores and names what %s contains that is not valid', (address, unreadable) => {
    expect(query(address)).toEqual({});
    expect(readFilter(new URLSearchParams(address), BERLIN).unreadable).toEqual(unreadable);
  });

  it('selects the same instants in every time zone', () => {
    const filter = readFilter(
      new URLSearchParams('window=custom&from=2026-07-01T08:00&to=2026-07-02'),
      BERLIN,
    );
    const address = new URLSearchParams(filterParams(filter));
    for (const zone of ['UTC', NEW_YORK, 'Asia/Tokyo']) {
      expect(toQuery(readFilter(address, zone), zone, now)).toEqual({
        placed_from: '2026-07-01T06:00:00.000Z',
        placed_to: '2026-07-01T22:00:00.000Z',
      });
    }
  });
});
