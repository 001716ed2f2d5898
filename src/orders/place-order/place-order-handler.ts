import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type FirstRun, Idempotency, type RunResult } from '../../idempotency/idempotency.js';
import { keyInProgress } from '../../idempotency/idempotency.problems.js';
import type { KeyClaim, StoredResponse } from '../../idempotency/idempotency.repository.js';
import type { Deadline } from '../../platform/deadline.js';
import { addProcessorTime } from '../../platform/http/load/processor-turns.js';
import { Problem } from '../../platform/http/problem.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { noteOrder, requestDeadline } from '../../platform/telemetry/request-context.js';
import {
  type PlaceCustomerOrderDto,
  type PlaceOrderDto,
  placementFingerprint,
  toPlacementRequest,
} from '../dto/place-order.dto.js';
import type { OrderEvent } from '../order-event.entity.js';
import type { Order } from '../order.entity.js';
import { measurePlacement } from '../order.metrics.js';
import { OrderRepository } from '../order.repository.js';
import { BackgroundPlacements } from './background-placements.js';
import { type LeasedPlacement, type OnUnknownOutcome, PlaceOrderSaga } from './place-order-saga.js';
import {
  acceptedResponse,
  confirmedResponse,
  failedProblem,
  problemResponse,
  rejectedProblem,
  undecidedProblem,
} from './placement-response.js';
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
  /** The customer of the order, if it has one. */
  customerId: string | undefined;
  key: string | undefined;
  /** Whether the caller prefers an answer before the placement completes, and polls for the result. */
  isAsync: boolean;
}

/** The context of one placement. */
interface PlacementContext {
  request: PlacementRequest;
  caller: string;
  isAsync: boolean;
  deadline: Deadline;
  /** Milliseconds that storing the order, or leasing it, took. */
  storingMs: number;
}

/**
 * Handles a request for an order, idempotently. A key belongs to an order from the moment the order is stored, and
 * the response is built from that order. Only a refusal before an order exists is stored with the key.
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
    const { caller, customerId, key, isAsync } = options;
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const request = toPlacementRequest(body, customerId);
    const context = { request, caller, isAsync, deadline, storingMs: 0 };
    const result = this.idempotency.run(
      { caller, key },
      () => placementFingerprint(body, customerId),
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
    let placement: LeasedPlacement | 'key_taken';
    try {
      placement = await this.store(context, claim);
    } catch (error) {
      // A refusal is certain and stored for the key; a fault is not, so that the client may retry.
      if (!claim || !(error instanceof Problem) || error.status >= 500) throw error;
      const response = problemResponse(error);
      await reachPausePoint('placement.before-refusal');
      return { response, key: 'store' };
    }
    if (placement === 'key_taken') return placement;
    // Without a key the client can't ask for this order again, so an unknown outcome compensates at once.
    return { response: await this.run(context, placement, claim ? 'retry' : 'compensate'), key: 'bound' };
  }

  /** Validates the request and stores the order. */
  private async store(
    context: PlacementContext,
    claim: KeyClaim | undefined,
  ): Promise<LeasedPlacement | 'key_taken'> {
    const { request, caller, deadline, isAsync } = context;
    await reachPausePoint('placement.before-look-up');
    const unpriced = await this.pricing.prepare(request, deadline);
    addProcessorTime(unpriced.items.length * LINE_MS);
    // An asynchronous placement does not depend on the inventory: the order is priced later.
    const priced = isAsync ? priceLater(unpriced) : await this.pricing.price(unpriced, deadline);
    await reachPausePoint('placement.before-accept');
    return measureStoring(context, () => this.saga.insertPending(priced, claim, caller));
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
  private async replay(context: PlacementContext, orderId: string): Promise<StoredResponse> {
    noteOrder(orderId);
    const due = await measureStoring(context, () => this.saga.acquireLease(orderId));
    if (due) return this.run(context, due, 'retry');
    const order = await this.orders.findOrder(orderId);
    if (order?.status === 'pending' && context.isAsync) return acceptedResponse(order);
    if (!order || order.status === 'pending') throw keyInProgress();
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
        return confirmedResponse(order, await this.confirmedVersionOf(order));
    }
  }

  /** The event that rejected the order or made it fail. */
  private async findCompletion({ id, status }: Order): Promise<OrderEvent | undefined> {
    const events = await this.orders.listEvents(id);
    return events.find((event) => event.toStatus === status);
  }

  private async confirmedVersionOf(order: Order): Promise<number> {
    if (order.version === FIRST_VERSION + 1) return order.version;
    const events = await this.orders.listEvents(order.id);
    return events.find((event) => event.toStatus === 'confirmed')?.seq ?? order.version;
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
