import { timeOfOrderId } from '../../orders/order-id.js';
import { renderDrift, renderDriftJson, isAlarming } from '../drift/drift-text.js';
import { renderTable } from '../text-table.js';
import { type Findings, type ReservationFinding, type ReservationVerdict, sumUnits } from './findings.js';

const VERDICTS: Record<ReservationVerdict, string> = {
  no_order: 'no such order',
  order_ended: 'the order has ended, nothing should be held',
  other_generation: 'the order has its stock under another id',
  not_held: 'the order waits to be paid or shipped, but nothing is held',
};

const PROPOSED = 'release it: --apply';

/** Advice for a reservation that the command does not release. */
const ADVICE: Record<ReservationVerdict, string> = {
  no_order: 'not in --orders: check that it is not an order of another order service',
  order_ended: 'cancel the reservation at the inventory, with a new Idempotency-Key',
  other_generation: 'cancel the reservation at the inventory, with a new Idempotency-Key',
  not_held: 'was it cancelled before the failover? Then cancel it: PUT /orders/{order_id}',
};

const NO_LIST =
  'The inventory has no list of reservations (GET /reservations), so reservations of orders that no --orders file names ' +
  'can not be found.\n';

const NO_RESERVATIONS =
  'This inventory keeps no reservations, so it does not know which orders hold units. Compared are the units of each ' +
  'product, with its last drift report. Units of lost orders are `missing`, or `leaked` at a catalog. Units that were sold ' +
  'elsewhere or lost look the same, and received ones hide them. Give units back at the inventory by hand, then run ' +
  '`npm run drift -- --rebase`.\n';

const NO_KNOWN_ORDERS =
  'The database can not name orders that it lost. Name the orders that clients and customers know with --orders.\n';

/** Whether a person or `--apply` still has to act. */
export function hasOpenFindings({ missing, statuses, reservations, stock }: Findings): boolean {
  return (
    missing.length > 0 ||
    statuses.length > 0 ||
    reservations.some(({ release }) => release?.outcome !== 'released') ||
    (stock ?? []).some(isAlarming)
  );
}

/** The findings as text: a table for each kind, and the limits of the comparison. */
export function renderFindings(findings: Findings, hasKnownOrders: boolean): string {
  const sections = [
    renderMissing(findings),
    renderStatuses(findings),
    renderReservations(findings),
    renderStock(findings),
    [
      ...(findings.reservationSource !== 'list' && !findings.stock ? [NO_LIST] : []),
      ...(hasKnownOrders ? [] : [NO_KNOWN_ORDERS]),
    ].join(''),
    renderSummary(findings),
  ];
  return sections.filter((section) => section !== '').join('\n');
}

function renderMissing({ missing }: Findings): string {
  if (missing.length === 0) return '';
  const rows = missing.map(({ orderId, statuses }) => [
    orderId,
    placedAt(orderId),
    statuses.join(', ') || '-',
    'notify the customer, or place the order again',
  ]);
  const units = describeUnits(sumUnits(missing.map(({ items }) => items)));
  return (
    `Orders known outside that the database does not have: ${missing.length}${units && `, with ${units}`}\n` +
    renderTable([['order', 'placed', 'reported', 'what to do'], ...rows])
  );
}

function renderStatuses({ statuses }: Findings): string {
  if (statuses.length === 0) return '';
  const rows = statuses.map(({ orderId, status, reported }) => [
    orderId,
    status,
    reported.join(', '),
    'set the status again: PUT /orders/{order_id}',
  ]);
  return (
    `Orders reported with a status that they never had here: ${statuses.length}\n` +
    renderTable([['order', 'status', 'reported', 'what to do'], ...rows])
  );
}

function renderReservations({ reservations }: Findings): string {
  if (reservations.length === 0) return '';
  const rows = reservations.map((finding) => [
    finding.reservationId,
    placedAt(finding.orderId),
    finding.verdict === 'not_held'
      ? '-'
      : finding.items
        ? describeUnits(sumUnits([finding.items]))
        : 'unknown',
    VERDICTS[finding.verdict],
    describeAction(finding),
  ]);
  return (
    `Reservations that do not agree with the orders: ${reservations.length}\n` +
    renderTable([['reservation', 'placed', 'holds', 'finding', 'what to do'], ...rows])
  );
}

function renderStock({ stock }: Findings): string {
  return stock ? `${NO_RESERVATIONS}\n${renderDrift(stock)}` : '';
}

function renderSummary({ missing, statuses, reservations, compared }: Findings): string {
  const proposed = withOutcome(reservations, 'proposed');
  const released = withOutcome(reservations, 'released');
  const failed = withOutcome(reservations, 'unknown');
  const { knownOrders, reservations: listed, otherReservations } = compared;
  const parts = [
    `${knownOrders} known orders and ${listed} reservations compared`,
    ...(otherReservations > 0 ? [`${otherReservations} reservations of other systems left out`] : []),
    `${missing.length} missing orders`,
    `${statuses.length} lost statuses`,
    `${reservations.length} reservations to look at`,
  ];
  const outcome = [
    ...(released.length > 0
      ? [`Released: ${released.length} reservations (${unitsOf(released)}).`]
      : ['Nothing was changed.']),
    ...(failed.length > 0 ? [`Not known to be released: ${failed.length}. Run the command again.`] : []),
    ...(proposed.length > 0
      ? [`To release ${proposed.length} reservations (${unitsOf(proposed)}), add --apply.`]
      : []),
  ];
  return `${parts.join(', ')}.\n${outcome.join(' ')}\n`;
}

function describeAction({ verdict, release }: ReservationFinding): string {
  if (release?.outcome === 'proposed') return PROPOSED;
  if (release?.outcome === 'released') return 'released';
  return release ? `may still be held: ${release.reason}` : ADVICE[verdict];
}

function withOutcome(findings: readonly ReservationFinding[], outcome: string): ReservationFinding[] {
  return findings.filter(({ release }) => release?.outcome === outcome);
}

function unitsOf(findings: readonly ReservationFinding[]): string {
  return describeUnits(sumUnits(findings.map(({ items }) => items))) || 'units unknown';
}

/** As in `60 of PROD001, 2 of PROD002`. */
function describeUnits(units: ReadonlyMap<string, number>): string {
  return [...units].map(([productId, quantity]) => `${quantity} of ${productId}`).join(', ');
}

function placedAt(orderId: string): string {
  return timeOfOrderId(orderId).toISOString();
}

function toItems(items: ReservationFinding['items']) {
  return items && items.map(({ productId, quantity }) => ({ product_id: productId, quantity }));
}

/** The findings for programs, under names that will stay. */
export function renderFindingsJson(findings: Findings): string {
  const { missing, statuses, reservations, reservationSource, stock, compared } = findings;
  const body = {
    missing_orders: missing.map(({ orderId, statuses: reported, items }) => ({
      order_id: orderId,
      reported,
      items: toItems(items),
    })),
    lost_statuses: statuses.map(({ orderId, status, reported }) => ({ order_id: orderId, status, reported })),
    reservations: reservations.map(({ orderId, reservationId, verdict, status, items, release }) => ({
      order_id: orderId,
      reservation_id: reservationId,
      verdict,
      status,
      items: toItems(items),
      release: release?.outcome ?? null,
    })),
    reservation_source: reservationSource,
    stock: stock && (JSON.parse(renderDriftJson(stock)) as unknown),
    compared: {
      known_orders: compared.knownOrders,
      reservations: compared.reservations,
      other_reservations: compared.otherReservations,
    },
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}
