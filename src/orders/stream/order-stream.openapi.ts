import { EXAMPLE_ORDER } from '../dto/orders.openapi.js';

export const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  required: false,
  description:
    'The `id` that came last: everything since then is sent first. Any other text leads to a `reset`.',
  schema: { type: 'string' },
};

const CHANGE =
  `{"order_id":"${EXAMPLE_ORDER}","version":3,"type":"status_changed","from":"confirmed","to":"shipped",` +
  '"actor":"key:warehouse","time":"2026-11-21T20:53:23.456Z"}';

export const STREAMED = {
  status: 200,
  description:
    'Events, as they happen. The stream is ended after some minutes at the latest; come back for more.',
  content: {
    'text/event-stream': {
      schema: {
        type: 'string',
        description:
          '`event: change` with `{order_id, version, type, from, to, actor, time}` of one event of an order, as in its ' +
          'history; `event: reset` where it can not go on from `Last-Event-ID`: whatever is shown has to be read anew. ' +
          'Every 15 seconds at least the newest `id` comes, without an event where nothing has happened.',
      },
      example: `retry: 1000\nid: 812\n\nevent: change\nid: 812-${EXAMPLE_ORDER}-3\ndata: ${CHANGE}\n\n`,
    },
  },
};
