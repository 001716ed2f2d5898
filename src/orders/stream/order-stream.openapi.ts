import { EXAMPLE_ORDER } from '../dto/orders.openapi.js';

export const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  required: false,
  description:
    'The `id` received last: the events after it are sent first. The answer begins with a `reset` if the database does ' +
    'not have that position.',
  schema: { type: 'string' },
};

const CHANGE =
  `{"order_id":"${EXAMPLE_ORDER}","version":3,"type":"status_changed","from":"confirmed","to":"shipped",` +
  '"actor":"key:warehouse","time":"2026-11-21T20:53:23.456Z"}';

export const STREAMED = {
  status: 200,
  description: 'Events, as they happen. Every stream ends after some minutes; reconnect with the last `id`.',
  content: {
    'text/event-stream': {
      schema: {
        type: 'string',
        description:
          '`event: change` with `{order_id, version, type, from, to, actor, time}` of one event of an order, as in its ' +
          'history; `event: reset` when events may be missing or lost: more than 2,000 came after `Last-Event-ID`, or the ' +
          'database does not have it, as after a failover that lost commits. Read the orders again then. At least every ' +
          '15 seconds the newest `id` is sent, without an event if nothing has happened.',
      },
      example: `retry: 1000\nid: 810-b01c44d19a7e52f0\n\nevent: change\nid: 812-4b7d1c9e02a6f358\ndata: ${CHANGE}\n\n`,
    },
  },
};
