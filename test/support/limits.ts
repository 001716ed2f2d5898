import { EXPORTS, LINES_OF_SLICE } from '../../src/orders/export/order-export.js';
import { MAX_EXPORT_COLUMNS } from '../../src/orders/export/export-columns.js';
import { CHARACTERS_OF_PART } from '../../src/orders/export/order-writers.js';
import { Settings } from '../../src/config/settings.js';
import { BULK_CHANGES } from '../../src/orders/bulk/bulk-status.js';
import { MAX_BULK_ORDERS } from '../../src/orders/bulk/bulk-status.dto.js';
import { MAX_LIMIT } from '../../src/orders/dto/list-orders.dto.js';
import { MAX_ID_LENGTH } from '../../src/platform/http/input/opaque-id.js';
import { MAX_BYTES_OF_LISTS, MAX_DETAIL_LENGTH } from '../../src/orders/order.problems.js';
import { MAX_LINES_OF_PAGE, MAX_TOTAL } from '../../src/orders/order.repository.js';
import {
  MAX_FLAT_OBJECT_BYTES,
  MAX_KEY_LENGTH,
  MAX_KEYS,
  MAX_VALUE_LENGTH,
} from '../../src/orders/details/flat-object.js';
import { MAX_TAGS } from '../../src/orders/dto/detail.decorators.js';
import { MAX_CHARGES, MAX_NOTE_LENGTH } from '../../src/orders/dto/place-order.dto.js';
import { DETAIL_BYTES_OF_LINE } from '../../src/orders/reading/order-look-up.js';
import { SEARCH_LIMITS } from '../../src/orders/search/order-finder.js';
import { MAX_LINES } from '../../src/orders/pricing/placement-request.js';
import { MAX_WAIT_SECONDS } from '../../src/events/dto/list-feed.dto.js';
import { MAX_SCANNED } from '../../src/events/event-feed.repository.js';
import { FEED_READS } from '../../src/events/events.controller.js';
import { STREAMS } from '../../src/events/order-stream.js';
import { PLACEMENTS } from '../../src/orders/place-order/bounded-placements.js';
import { type Bulkhead, READS } from '../../src/platform/http/bounded-routes.js';
import { MAX_AT_ONCE, MIN_LENGTH } from '../../src/platform/http/edge/compression.js';
import { MAX_CALLERS, MAX_NETWORKS } from '../../src/platform/http/edge/rate-limit-store.js';
import { MAX_URL_LENGTH } from '../../src/platform/http/edge/request-checks.js';
import { BYTES_PER_CHUNK, MAX_CHUNKS } from '../../src/platform/http/input/body-chunks.js';
import { BODY_LIMIT_BYTES } from '../../src/platform/http/input/json-body.js';
import { MAX_DEPTH, MAX_NAMES } from '../../src/platform/http/input/json-bounds.js';
import { MAX_PIPELINED } from '../../src/platform/http/input/pipelined-requests.js';
import { MAX_VALUES } from '../../src/platform/http/input/request-bounds.js';
import { CUSTOMER_PART, MOST_PART, sharesOf } from '../../src/platform/http/load/caller-bulkhead.js';
import { ANONYMOUS_PART, MAX_WAIT_MS, MAX_WAITING } from '../../src/platform/http/load/processor-account.js';
import { READER_LIMITS } from '../../src/platform/http/load/slow-readers.js';
import { MAX_ERRORS } from '../../src/platform/http/problem.js';
import { MAX_NAME_LENGTH } from '../../src/platform/upstream/upstream-fields.js';
import { MAX_ANSWER_BYTES } from '../../src/platform/upstream/undici-transport.js';
import { MAX_DESCRIPTION_LENGTH, MAX_VALID_HOURS } from '../../src/webhooks/dto/webhook.dto.js';
import { MAX_COUNTED } from '../../src/webhooks/endpoints/endpoint-standings.repository.js';
import { TEST_CALLS } from '../../src/webhooks/webhook-test-call.js';
import { MAX_URL_LENGTH as MAX_URL_LENGTH_OF_WEBHOOKS } from '../../src/webhooks/webhook-url.js';
import { MAX_SECRETS, MAX_WEBHOOKS } from '../../src/webhooks/webhooks.service.js';
import { BUDGETS } from '../fuzz/budget/budgets.js';
import { operations } from './contract/document.js';

/** The limits of requests and responses: what is limited, the value in the code, and the reason. */
const MS_PER_S = 1_000;

const LIMITS: [what: string, value: number, unit: string, reason: string][] = [
  ['Request body', BODY_LIMIT_BYTES, 'bytes', '200 lines are a fifth of it; the rest is for details'],
  ['Chunks of a body', MAX_CHUNKS, 'chunks', 'each costs time, however short it is'],
  [
    'Bytes of a body for one more chunk',
    BYTES_PER_CHUNK,
    'bytes',
    'longer chunks cost less than their bytes; clients write kilobytes',
  ],
  [
    'Requests of a connection that await an earlier response',
    MAX_PIPELINED,
    'requests',
    'thousands fit in what is read at once; the connection ends with the next response',
  ],
  ['Depth of a body', MAX_DEPTH, 'levels', 'an order has four; deeper bodies cost recursion'],
  [
    'Different field names in a body',
    MAX_NAMES,
    'names',
    'requests have some sixty, and keys of the client; each costs the parser time',
  ],
  [
    'Values in a body',
    MAX_VALUES,
    'values',
    'the largest request has 3,003; each costs time to copy and check',
  ],
  ['Address with query', MAX_URL_LENGTH, 'characters', 'longer than any filter that the list has'],
  [
    'Errors in a response',
    MAX_ERRORS,
    'errors',
    'a client corrects a few and sends again; checking stops there',
  ],
  ['Charges of an order', MAX_CHARGES, 'charges', 'the parts of a usual total, several times'],
  ['Tags of an order', MAX_TAGS, 'tags', 'labels that a person still overlooks'],
  ['Note of an order', MAX_NOTE_LENGTH, 'characters', 'a page of text'],
  ['Keys of `metadata` and `options`', MAX_KEYS, 'keys', 'fields of a client, not documents'],
  ['Length of such a key', MAX_KEY_LENGTH, 'characters', 'a name'],
  ['Length of such a value', MAX_VALUE_LENGTH, 'characters', 'a sentence or an address of a page'],
  ['Size of such an object', MAX_FLAT_OBJECT_BYTES, 'bytes', 'as JSON in UTF-8; stored with every order'],
  [
    'Details that count as a line of a page',
    DETAIL_BYTES_OF_LINE,
    'bytes',
    'orders with many details fill a page sooner',
  ],
  ['Lines of an order', MAX_LINES, 'lines', 'each is looked up and reserved while the client waits'],
  ['Orders of a bulk change', MAX_BULK_ORDERS, 'orders', 'as many as are changed while a client waits'],
  ['Id of a customer or product', MAX_ID_LENGTH, 'characters', 'ids are keys of indexes'],
  ['Orders of a page', MAX_LIMIT, 'orders', 'keeps responses and statements short'],
  [
    'Lines of all orders of a page',
    MAX_LINES_OF_PAGE,
    'lines',
    'about 10 ms of the event loop; at least one order is returned',
  ],
  ['Total of a list', MAX_TOTAL, 'orders', 'counting is bounded; beyond it the total is not exact'],
  [
    'Orders of a page that are checked without an index',
    SEARCH_LIMITS.windowSize,
    'orders',
    'bounds the work of totals and parts of values; the next page continues',
  ],
  [
    'Orders that the index of parts finds',
    SEARCH_LIMITS.maxMatches,
    'orders',
    'their age is known when all are read; beyond it the newest orders are searched',
  ],
  ['Lines of an export written at once', LINES_OF_SLICE, 'lines', 'other requests get their turn in between'],
  [
    'Text of a CSV export written at once',
    CHARACTERS_OF_PART,
    'characters',
    'what belongs to the order repeats on each of its lines',
  ],
  [
    'Columns of an export',
    MAX_EXPORT_COLUMNS,
    'columns',
    'all of them, and as many keys as metadata may have',
  ],
  ['Lists in a problem of an order', MAX_BYTES_OF_LISTS, 'bytes', 'problems are stored and stay below 4 kB'],
  [
    'Detail of a problem of an order',
    MAX_DETAIL_LENGTH,
    'characters',
    'problems are stored and stay below 4 kB',
  ],
  [
    'Product name from another service',
    MAX_NAME_LENGTH,
    'characters',
    'stored with every line; longer names are cut',
  ],
  ['Response of another service', MAX_ANSWER_BYTES, 'bytes', 'a hundred times what a product has'],
  [
    'Reading a response',
    READER_LIMITS.bytesPerSecond,
    'bytes a second at least',
    'on average, while something waits to be sent; otherwise the connection is reset',
  ],
  [
    'Pause in reading a response',
    READER_LIMITS.graceMs,
    'milliseconds',
    'a busy disk or network; then the connection is reset',
  ],
  [
    'Events looked at by `GET /events`',
    MAX_SCANNED,
    'events',
    'a filter that few events pass would read the whole feed; `next_after` goes on behind them',
  ],
  [
    'Wait of `GET /events`',
    MAX_WAIT_SECONDS,
    's',
    'proxies commonly end a request without an answer after a minute',
  ],
  [
    'Webhook endpoints',
    MAX_WEBHOOKS,
    'endpoints',
    'each has its own limit, circuit and queue on every instance',
  ],
  [
    'URL of a webhook endpoint',
    MAX_URL_LENGTH_OF_WEBHOOKS,
    'characters',
    'with a token in its path or query',
  ],
  ['Description of a webhook endpoint', MAX_DESCRIPTION_LENGTH, 'characters', 'a name for people'],
  ['Valid secrets of a webhook endpoint', MAX_SECRETS, 'secrets', 'each signs every delivery'],
  ['Time that an earlier secret stays valid', MAX_VALID_HOURS, 'hours', 'enough to change every receiver'],
  ['Counted events of a webhook endpoint', MAX_COUNTED, 'events', 'a larger number says nothing new'],
  ['Compressed response', MIN_LENGTH, 'characters at least', 'shorter ones fit into one or two packets'],
  [
    'Networks counted by the rate limit',
    MAX_NETWORKS,
    'networks of a size',
    'addresses beyond share the count of their /48 or /24, then of their /32 or /16',
  ],
  [
    'Callers counted by the rate limit',
    MAX_CALLERS,
    'authenticated callers at least',
    'beyond, those seen least recently are forgotten; no caller is refused for it',
  ],
  [
    'Compressions at a time',
    MAX_AT_ONCE,
    'responses',
    'leaves threads for other work; others are sent as they are',
  ],
];

/** Bulkheads, with their requests. */
const BULKHEADS: [bulkhead: Bulkhead, requests: string, size: string][] = [
  [
    READS,
    'reads, changes of one order or webhook, erasures, incidents',
    '10 for each of `DATABASE_POOL_SIZE`',
  ],
  [PLACEMENTS, 'orders and previews', '`MAX_PLACEMENTS`, fewer while the event loop is late'],
  [
    BULK_CHANGES,
    '`POST /orders/bulk-status`, `POST /operations/incidents/bulk`, `POST /operations/notifications/redrive`',
    'fixed',
  ],
  [EXPORTS, '`GET` and `HEAD /orders/export`, until the last byte is sent', 'fixed'],
  [FEED_READS, '`GET /events`, waiting ones included', 'fixed'],
  [TEST_CALLS, '`POST /webhooks/{webhook_id}/test`', 'fixed'],
  [STREAMS, '`GET /orders/stream`, until it ends and for a second at least', 'fixed'],
];

const number = (value: number): string => value.toLocaleString('en-US');

const DEFAULTS = Object.assign(new Settings(), { DATABASE_URL: '' });
const resolve = (value: Bulkhead['permits']): number => (typeof value === 'number' ? value : value(DEFAULTS));

/** The text of `docs/reference/limits.md`. */
export function renderLimits(): string {
  const limits = LIMITS.map(
    ([what, value, unit, reason]) => `| ${what} | ${number(value)} ${unit} | ${reason} |`,
  );
  const budgets = operations.map(({ method, path, operationId }) => {
    const budget = BUDGETS[operationId];
    if (!budget) throw new Error(`${operationId} has no budget in test/fuzz/budget/budgets.ts`);
    const { cpuMs, answerBytes, storedBytes, reason } = budget;
    const size = answerBytes === null ? 'streamed' : number(answerBytes);
    return `| \`${method} ${path}\` | ${number(cpuMs)} | ${size} | ${number(storedBytes)} | ${reason} |`;
  });
  return [
    '# Limits',
    '',
    '<!-- Generated by `npm run limits` from the code and from test/fuzz/budget/budgets.ts. -->',
    '',
    'One caller must not take the service from the others. These limits bound what one request can ask for. What can be',
    'configured, such as the number of requests a minute, is in the [settings](settings.md).',
    '',
    '| what | limit | reason |',
    '| --- | --- | --- |',
    ...limits,
    '',
    '## Shares',
    '',
    'How many requests may be in progress at a time on an instance, with the default settings, and how many of them one caller',
    'may have. A caller is who it has proved to be, or else its address (of IPv6 its /64). A customer beyond its share gets 429',
    '`concurrency-limit-exceeded`; any other caller beyond its share, and every caller when there is no permit left, 503',
    '`overloaded`. What customers can not take is left for staff and other services.',
    '',
    'The processor time of the event loop is shared too, among callers that send requests within the same second: one customer',
    `may use ${number(MS_PER_S * CUSTOMER_PART)} ms a second, an address without credentials ${number(Math.round(MS_PER_S * ANONYMOUS_PART))} ms, any other caller`,
    `${number(MS_PER_S * MOST_PART)} ms, and all requests with wrong credentials together ${number(MS_PER_S * CUSTOMER_PART)} ms. Beyond it up to ${number(MAX_WAITING)} requests of a caller wait, for at most ${number(MAX_WAIT_MS)} ms each; then they get 429`,
    '`concurrency-limit-exceeded`. One that sends a request at a time is only slowed down, and one that is alone never waits.',
    '',
    '| kind | requests | permits | one customer | all customers | any other caller | may wait | size |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...BULKHEADS.map(([{ kind, permits, maxWaiting }, requests, size]) => {
      const total = resolve(permits);
      const { customer, most } = sharesOf(total);
      const columns = [total, customer, most, most, resolve(maxWaiting)].map(number);
      return `| \`${kind}\` | ${requests} | ${columns.join(' | ')} | ${size} |`;
    }),
    '',
    '## Budgets',
    '',
    'What one request may cost: processor time of the event loop in milliseconds, bytes of the response, and bytes of rows',
    'added to the database. `npm run fuzz` measures the dearest request of each operation and fails when one is over budget.',
    '',
    '| operation | processor time | response | stored | reason |',
    '| --- | --- | --- | --- | --- |',
    ...budgets,
    '',
  ].join('\n');
}
