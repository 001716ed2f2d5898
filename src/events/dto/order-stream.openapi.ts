import { EXAMPLE_ID } from '../../platform/http/fields.openapi.js';
import { requestHeader } from '../../platform/http/response-headers.openapi.js';

export const LAST_EVENT_ID = requestHeader(
  'Last-Event-ID',
  'The `id` received last, which is a `feed_no` of `GET /events`: the events after it are sent first, however many there ' +
    'are. The stream begins with a `reset` if the feed does not have that number.',
);

const CHANGE =
  `{"order_id":"${EXAMPLE_ID}","version":3,"type":"status_changed","from":"confirmed","to":"shipped",` +
  '"actor":"key:warehouse","time":"2026-11-21T20:53:23.456Z"}';

export const STREAMED = {
  description:
    'Events, as they happen, for as long as the client reads and its credentials are valid. Reconnect with the last `id`.',
  content: {
    'text/event-stream': {
      schema: {
        type: 'string',
        description:
          '`event: change` with `{order_id, version, type, from, to, actor, time}` of one event of an order, as in its ' +
          'history; its `id` is the `feed_no`. `event: reset` when the stream can not continue at `Last-Event-ID`, as after a ' +
          'failover that lost commits, and every 15 seconds while the feed is not complete: events may be missing or lost, so ' +
          'read the orders again. Every 15 seconds the newest `id` is sent, without an event.',
      },
      example: `retry: 1000\nid: 4710\n\nevent: change\nid: 4711\ndata: ${CHANGE}\n\n`,
    },
  },
};
