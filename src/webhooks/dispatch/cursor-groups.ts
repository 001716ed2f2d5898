import type { EndpointRow } from '../delivery/delivery.repository.js';

/** Two cursors of an endpoint on the feed. A replay reads old events once more, beside the new ones. */
export type Cursor = 'feed' | 'replay';

/** Endpoints whose cursors stand at the same number, so that one read of the feed serves all of them. */
export interface CursorGroup {
  cursor: Cursor;
  endpointIds: string[];
  /** Number of the last event that was read. */
  after: number;
  /** Number of the last event to read. */
  until: number;
}

/**
 * Groups enabled endpoints that have events to read. The group that is closest to the end of the feed comes first: it
 * waits for no endpoint that is far behind.
 */
export function groupsOf(rows: readonly EndpointRow[]): CursorGroup[] {
  const enabled = rows.filter(({ state }) => state === 'enabled');
  const behind = enabled.filter(({ readUntil, lastNo }) => Number(readUntil) < Number(lastNo));
  const atEnd = [...Map.groupBy(behind, ({ readUntil }) => Number(readUntil))]
    .toSorted(([left], [right]) => right - left)
    .map(([after, group]) => ({
      cursor: 'feed' as const,
      endpointIds: group.map(({ id }) => id),
      after,
      until: Number(group[0]?.lastNo),
    }));
  const replays = enabled.flatMap(({ id, replayReadUntil: after, replayUntil: until }) =>
    after === null || until === null
      ? []
      : [{ cursor: 'replay' as const, endpointIds: [id], after: Number(after), until: Number(until) }],
  );
  return [...atEnd, ...replays];
}
