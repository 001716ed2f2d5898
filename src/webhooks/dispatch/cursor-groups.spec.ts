import { describe, expect, it } from '@jest/globals';
import type { EndpointRow } from '../delivery/delivery.repository.js';
import { groupsOf } from './cursor-groups.js';

function row(id: string, values: Partial<EndpointRow> = {}): EndpointRow {
  return {
    id,
    url: 'https://example.com',
    eventTypes: null,
    state: 'enabled',
    secrets: [],
    lastNo: '100',
    readUntil: '100',
    lastMatched: null,
    updatedAt: new Date(0),
    replayReadUntil: null,
    replayUntil: null,
    replayLastMatched: null,
    ...values,
  };
}

describe('endpoints with events to read', () => {
  it('share a group when their cursors are equal; the group closest to the end comes first', () => {
    const rows = [row('a', { readUntil: '9' }), row('b', { readUntil: '10' }), row('c', { readUntil: '10' })];
    expect(groupsOf(rows)).toEqual([
      { cursor: 'feed', endpointIds: ['b', 'c'], after: 10, until: 100 },
      { cursor: 'feed', endpointIds: ['a'], after: 9, until: 100 },
    ]);
  });

  it('have a group of their own for a replay, beside the one for new events', () => {
    const replay = { replayReadUntil: '3', replayUntil: '50' };
    expect(groupsOf([row('a', { readUntil: '99', ...replay }), row('b', { readUntil: '99' })])).toEqual([
      { cursor: 'feed', endpointIds: ['a', 'b'], after: 99, until: 100 },
      { cursor: 'replay', endpointIds: ['a'], after: 3, until: 50 },
    ]);
  });

  it('are not those at the end of the feed, and none that is disabled', () => {
    const disabled = row('a', {
      state: 'disabled',
      readUntil: '1',
      replayReadUntil: '1',
      replayUntil: '2',
    });
    expect(groupsOf([row('b'), disabled])).toEqual([]);
  });
});
