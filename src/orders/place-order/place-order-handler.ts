import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type FirstRun, Idempotency, type RunResult } from '../../idempotency/idempotency.js';
import { keyInProgress } from '../../idempotency/idempotency.problems.js';
import type { KeyClaim, StoredResponse } from '../../idempotency/idempotency.repository.js';
import type { Deadline } from '../../platform/deadline.js';
import { addProcessorTime } from '../../platform/http/load/processor-turns.js';
import { Problem } from '../../platform/http/problem.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { noteSubject, requestDeadline } from '../../platform/telemetry/request-context.js';
import { ORDER } from '../../tasks/order-subject.js';
import { referenceClaim } from '../claims/claims-of.js';
import type { Claim } from '../claims/order-claims.repository.js';
import {
  type PlaceCustomerOrderDto,
  type PlaceOrderDto,
  placementFingerprint,
  toPlacementRequest,
} from '../dto/place-order.dto.js';
import type { OrderEvent } from '../order-event.entity.js';
import type { Order } from '../order.entity.js';
import { measurePlacement } from '../order.metrics.js';
import { referenceAlreadyUsed, referenceInProgress } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import type { Owner } from '../ownership.js';
import { BackgroundPlacements } from './background-placements.js';
import { PlaceOrderSaga } from './place-order-saga.js';
import {
  acceptedResponse,
  confirmedResponse,
  failedProblem,
  problemResponse,
  rejectedProblem,
  reservedResponse,
  undecidedProblem,
} from './placement-response.js';
import type { LeasedPlacement, OnUnknownOutcome } from './placement-step.js';
import type { PlacementRequest } from '../pricing/placement-request.js';
import { OrderPricing, priceLater } from './pricing.js';

const ACTOR = 'placement';

/** Version of a pending order. Nearly every order is confirmed at the next version. */
const FIRST_VERSION = 1;

/** Estimated processor time of a line: it is looked up, stored and reserved, if not before the response then after it. */
const LINE_MS = 0.4;

/** The caller and its options. */
export interface PlacementOptions {
  /** Keys belong to the caller, and events name it. */
  caller: string;
  /** The customer that the caller is: its references are its own. */
  owner: Owner;
  /** The customer of the order, if it has one. */
  customerId: string | undefined;
  key: string | undefined;
  /** Whether the caller prefers an answer before the placement completes, and polls for the result. */
  isAsync: boolean;
}

/** The context of one placement. */
interface PlacementContext {
  request: PlacementRequest;
  reference: Claim | undefined;
  caller: string;
  isAsync: boolean;
  deadline: Deadline;
  /** Milliseconds that storing the order, or leasing it, took. */
  storingMs: number;
}

/** The order that a request had asked for before, by its reference. */
interface Repeated {
  repeats: string;
}

/**
 * Handles a request for an order, idempotently. A key and a reference belong to an order from the moment the order is
 * stored, and the response is built from that order. Only a refusal before an order exists is stored with the key.
 */
@Injectable()
export class PlaceOrderHandler {
  constructor(
    private readonly idempotency: Idempotency,
    private readonly pricing: OrderPricing,
    private readonly saga: PlaceOrderSaga,
    private readonly background: BackgroundPlacements,
    private readonly orders: OrderRepository,
    private readonly settings: Settings,
  ) {}

  /** @throws {Problem} when the request is refused, and its key, if it has one, stays free */
  async place(body: PlaceOrderDto | PlaceCustomerOrderDto, options: PlacementOptions): Promise<RunResult> {
    const { caller, owner, customerId, key, isAsync } = options;
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const request = toPlacementRequest(body, customerId);
    const fingerprint = (): string => placementFingerprint(body, customerId);
    const reference = referenceOf(request, owner, fingerprint);
    const context = { request, reference, caller, isAsync, deadline, storingMs: 0 };
    const result = this.idempotency.run(
      { caller, key },
      fingerprint,
      (claim) => this.placeFirst(context, claim),
      (orderId) => this.replay(context, orderId),
    );
    return measurePlacement(result);
  }

  /** The first request with its key, or one without a key. */
  private async placeFirst(
    context: PlacementContext,
    claim: KeyClaim | undefined,
  ): Promise<FirstRun | 'key_taken'> {
    let placement: LeasedPlacement | Repeated | 'key_taken' | 'reference_taken';
    try {
      placement = (await this.findRepeated(context.reference)) ?? (await this.storeOrFind(context, claim));
    } catch (error) {
      // A refusal is certain and stored for the key; a fault is not, so that the client may retry.
      if (!claim || !(error instanceof Problem) || error.status >= 500) throw error;
      const response = problemResponse(error);
      await reachPausePoint('placement.before-refusal');
      return { response, key: 'store' };
    }
    if (placement === 'key_taken') return placement;
    // The order with the reference failed in this very moment.
    if (placement === 'reference_taken') throw referenceInProgress();
    if ('repeats' in placement) return this.replayReference(context, placement.repeats);
    // A client that can't ask for this order again never learns its outcome, so an unknown one compensates at once.
    const canAskAgain = claim !== undefined || context.reference !== undefined;
    return {
      response: await this.run(context, placement, canAskAgain ? 'retry' : 'compensate'),
      key: 'bound',
    };
  }

  /**
   * The order that has the reference. Found before the request is validated any further: its products may be sold out
   * by now.
   *
   * @throws {Problem} reference-already-used
   */
  private async findRepeated(reference: Claim | undefined): Promise<Repeated | undefined> {
    const holder = reference && (await this.saga.findReferenced(reference));
    if (!holder) return undefined;
    // Without a hash the personal data of the order were erased, and its content can't be compared any more.
    const isSame = holder.requestHash === null || holder.requestHash === reference?.requestHash;
    if (!isSame) throw referenceAlreadyUsed(holder.orderId);
    return { repeats: holder.orderId };
  }

  /** The response for the order of a reference. It is stored for the key once the order is confirmed. */
  private async replayReference(context: PlacementContext, orderId: string): Promise<FirstRun> {
    const response = await this.replay(context, orderId, () => referenceInProgress(orderId));
    return { response, key: response.status === 201 ? 'store' : 'free', isReplay: true };
  }

  /**
   * Stores the order, or finds that of a concurrent request with the same reference, which may be why this one was refused:
   * it has the stock, or the cart.
   */
  private async storeOrFind(
    context: PlacementContext,
    claim: KeyClaim | undefined,
  ): Promise<LeasedPlacement | Repeated | 'key_taken' | 'reference_taken'> {
    try {
      const stored = await this.store(context, claim);
      return stored === 'reference_taken' ? ((await this.findRepeated(context.reference)) ?? stored) : stored;
    } catch (error) {
      const repeated = error instanceof Problem ? await this.findRepeated(context.reference) : undefined;
      if (repeated) return repeated;
      throw error;
    }
  }

  /** Validates the request and stores the order. */
  private async store(
    context: PlacementContext,
    claim: KeyClaim | undefined,
  ): Promise<LeasedPlacement | 'key_taken' | 'reference_taken'> {
    const { request, reference, caller, deadline, isAsync } = context;
    await reachPausePoint('placement.before-look-up');
    const unpriced = await this.pricing.prepare(request, deadline);
    addProcessorTime(unpriced.items.length * LINE_MS);
    // An asynchronous placement does not depend on the inventory: the order is priced later.
    const priced = isAsync ? priceLater(unpriced) : await this.pricing.price(unpriced, deadline);
    await reachPausePoint('placement.before-accept');
    return measureStoring(context, () => this.saga.insertPending(priced, { claim, reference }, caller));
  }

  private async run(
    context: PlacementContext,
    placement: LeasedPlacement,
    onUnknown: OnUnknownOutcome,
  ): Promise<StoredResponse> {
    if (context.isAsync) {
      this.background.start(placement, ACTOR);
      return acceptedResponse(placement.order);
    }
    // Less than one attempt at a call: then it is not the inventory that was slow.
    const isLate = context.deadline.remaining() < this.settings.UPSTREAM_TIMEOUT_MS;
    const isDatabaseSlow = isLate && context.storingMs > this.settings.UPSTREAM_TIMEOUT_MS;
    const order = await this.saga.run(placement, onUnknown, context.deadline, ACTOR);
    await reachPausePoint('placement.before-answer', order.id);
    return this.responseFor(order, isDatabaseSlow);
  }

  /** The response for the order of a known key, whose placement is resumed first if it is due. */
  private async replay(
    context: PlacementContext,
    orderId: string,
    inProgress = keyInProgress,
  ): Promise<StoredResponse> {
    noteSubject(ORDER, orderId);
    const due = await measureStoring(context, () => this.saga.acquireLease(orderId));
    if (due) return this.run(context, due, 'retry');
    const order = await this.orders.findOrder(orderId);
    if (order?.status === 'pending' && context.isAsync) return acceptedResponse(order);
    if (!order || order.status === 'pending') throw inProgress();
    return this.responseFor(order);
  }

  /** The response for an order, which stays the same after later changes of the order. */
  private async responseFor(order: Order, isDatabaseSlow = false): Promise<StoredResponse> {
    switch (order.status) {
      case 'pending':
        return problemResponse(undecidedProblem(order, isDatabaseSlow));
      case 'rejected':
        return problemResponse(rejectedProblem(order, await this.findCompletion(order)));
      case 'failed':
        return problemResponse(failedProblem(order, await this.findCompletion(order)));
      default:
        return order.holdSeconds === null ? this.confirmed(order) : this.reserved(order);
    }
  }

  /** The event that rejected the order or made it fail. */
  private async findCompletion({ id, status }: Order): Promise<OrderEvent | undefined> {
    const events = await this.orders.listEvents(id);
    return events.find((event) => event.toStatus === status);
  }

  private async confirmed(order: Order): Promise<StoredResponse> {
    if (order.version === FIRST_VERSION + 1) return confirmedResponse(order, order.version);
    const events = await this.orders.listEvents(order.id);
    const version = events.find((event) => event.toStatus === 'confirmed')?.seq ?? order.version;
    return confirmedResponse(order, version);
  }

  /** An order with a hold was reserved first, regardless of what it is now. */
  private async reserved(order: Order): Promise<StoredResponse> {
    const { status, version, expiresAt } = order;
    if (status === 'reserved' && version === FIRST_VERSION + 1 && expiresAt)
      return reservedResponse(order, version, expiresAt.toISOString());
    const events = await this.orders.listEvents(order.id);
    const event = events.find(({ toStatus }) => toStatus === 'reserved');
    const reservedUntil = event?.data?.['expires_at'];
    // An instance of an earlier release, which knows no holds, has confirmed it.
    if (!event || typeof reservedUntil !== 'string') return this.confirmed(order);
    return reservedResponse(order, event.seq, reservedUntil);
  }
}

async function measureStoring<Result>(
  context: PlacementContext,
  step: () => Promise<Result>,
): Promise<Result> {
  const startedAt = performance.now();
  const result = await step();
  context.storingMs = performance.now() - startedAt;
  return result;
}

/** The claim of a request by the id that its order has in its source. */
function referenceOf(
  { source, sourceOrderId }: PlacementRequest,
  owner: Owner,
  fingerprint: () => string,
): Claim | undefined {
  if (source === null || sourceOrderId === null) return undefined;
  return { ...referenceClaim({ source, sourceOrderId, customerId: owner }), requestHash: fingerprint() };
}
