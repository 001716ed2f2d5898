import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { Deadline } from '../../platform/deadline.js';
import { addProcessorTime } from '../../platform/http/load/processor-turns.js';
import { Problem } from '../../platform/http/problem.js';
import { reachPausePoint } from '../../pause-points/pause-points.js';
import { noteOrder, requestDeadline } from '../../platform/telemetry/request-context.js';
import type { OrderEvent } from '../order-event.entity.js';
import type { Order } from '../order.entity.js';
import { measurePlacement } from '../order.metrics.js';
import { orderProblem } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { IdempotencyRepository, type KeyClaim } from './idempotency.repository.js';
import { OrderDrafts, type PlacementRequest, unpricedDraft } from './order-drafts.js';
import { type LeasedPlacement, PlaceOrderSaga } from './place-order-saga.js';
import {
  acceptedAnswer,
  answerOf,
  confirmedAnswer,
  failedProblem,
  keyInProgress,
  type PlacementAnswer,
  rejectedProblem,
  unsettledProblem,
} from './placement-answer.js';
import { PlacementRunner } from './placement-runner.js';
import type { OnUnknownOutcome } from './settlement.js';

const ACTOR = 'placement';

/** Version of a pending order. Nearly every order is confirmed at the next version. */
const FIRST_VERSION = 1;

/** Estimated processor time of a line: it is looked up, stored and reserved, if not before the response then after it. */
const LINE_MS = 0.4;

/** The caller and its options. */
export interface PlacementTerms {
  /** Keys are theirs, and events name them. */
  caller: string;
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
  /** Milliseconds that storing the order, or taking it over, took. */
  storingMs: number;
}

/** The response, and whether it is a replay of a stored one. */
export interface PlacementResult {
  answer: PlacementAnswer;
  isReplay: boolean;
}

/**
 * Handles a request for an order, idempotently. A key belongs to an order from the moment the order is stored, and
 * the response is built from that order. Only a refusal before an order exists is stored with the key.
 */
@Injectable()
export class PlaceOrderHandler {
  constructor(
    private readonly drafts: OrderDrafts,
    private readonly saga: PlaceOrderSaga,
    private readonly runner: PlacementRunner,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
    private readonly settings: Settings,
  ) {}

  /** @throws {Problem} where the request is refused before it is decided upon */
  async place(request: PlacementRequest, terms: PlacementTerms): Promise<PlacementResult> {
    return measurePlacement(() => this.placeOrReplay(request, terms));
  }

  private async placeOrReplay(
    request: PlacementRequest,
    { caller, key, isAsync }: PlacementTerms,
  ): Promise<PlacementResult> {
    const deadline = requestDeadline(this.settings.REQUEST_DEADLINE_MS);
    const context = { request, caller, isAsync, deadline, storingMs: 0 };
    if (key === undefined) {
      const placement = await this.accept(context, undefined);
      if (!placement) throw new Error('an order without a key can not have lost it to another');
      // Without a key the client can't ask for this order again, so an unknown outcome compensates at once.
      return { answer: await this.run(placement, 'compensate', context), isReplay: false };
    }
    const claim = this.claimOf(request, key, caller);
    const known = await this.resume(claim, context);
    return known ? { answer: known, isReplay: true } : this.placeOnce(claim, context);
  }

  private async placeOnce(claim: KeyClaim, context: PlacementContext): Promise<PlacementResult> {
    let placement: LeasedPlacement | undefined;
    try {
      placement = await this.accept(context, claim);
    } catch (error) {
      // A refusal is certain and stored for the key; a fault is not, so that the client may retry.
      if (error instanceof Problem && error.status < 500) return this.refuse(claim, error, context);
      throw error;
    }
    if (!placement) return { answer: await this.resumeTaken(claim, context), isReplay: true };
    return { answer: await this.run(placement, 'retry', context), isReplay: false };
  }

  /**
   * Validates the request and stores the order.
   *
   * @returns undefined when another request has the key
   */
  private async accept(
    context: PlacementContext,
    claim: KeyClaim | undefined,
  ): Promise<LeasedPlacement | undefined> {
    const { request, caller, deadline, isAsync } = context;
    await reachPausePoint('placement.before-look-up');
    const outline = await this.drafts.outline(request, deadline);
    addProcessorTime(outline.items.length * LINE_MS);
    // An asynchronous placement does not depend on the inventory: the order is priced later.
    const draft = isAsync ? unpricedDraft(outline) : await this.drafts.price(outline, deadline);
    await reachPausePoint('placement.before-accept');
    return measureStoring(context, () => this.saga.accept(draft, claim, caller));
  }

  private async run(
    placement: LeasedPlacement,
    onUnknown: OnUnknownOutcome,
    context: PlacementContext,
  ): Promise<PlacementAnswer> {
    if (context.isAsync) {
      this.runner.runInBackground(placement, ACTOR);
      return acceptedAnswer(placement.order);
    }
    // Less than one attempt at a call: then it is not the inventory that was slow.
    const isLate = context.deadline.remaining() < this.settings.UPSTREAM_TIMEOUT_MS;
    const isDatabaseSlow = isLate && context.storingMs > this.settings.UPSTREAM_TIMEOUT_MS;
    const order = await this.runner.run(placement, onUnknown, context.deadline, ACTOR);
    await reachPausePoint('placement.before-answer', order.id);
    return this.answer(order, isDatabaseSlow);
  }

  /** The answer to a key that is known already; undefined for a new one. */
  private async resume(claim: KeyClaim, context: PlacementContext): Promise<PlacementAnswer | undefined> {
    const known = await this.keys.findKey(claim.scope, claim.key);
    if (!known) return undefined;
    if (known.isExpired) {
      await this.keys.deleteKeyIfExpired(claim.scope, claim.key);
      return undefined;
    }
    if (known.requestHash !== claim.requestHash) {
      throw orderProblem('idempotency-key-reused', 'This Idempotency-Key was used for another request');
    }
    if (known.orderId === null) {
      return {
        status: known.responseStatus ?? 500,
        headers: known.responseHeaders ?? {},
        body: known.responseBody ?? {},
      };
    }
    return this.answerOfKnown(known.orderId, context);
  }

  /** Resumes the placement if it is due, and returns the answer. */
  private async answerOfKnown(orderId: string, context: PlacementContext): Promise<PlacementAnswer> {
    noteOrder(orderId);
    const due = await measureStoring(context, () => this.saga.acquireLease(orderId));
    if (due) return this.run(due, 'retry', context);
    const order = await this.orders.findOrder(orderId);
    if (order?.status === 'pending' && context.isAsync) return acceptedAnswer(order);
    if (!order || order.status === 'pending') throw keyInProgress();
    return this.answer(order);
  }

  private async resumeTaken(claim: KeyClaim, context: PlacementContext): Promise<PlacementAnswer> {
    const answer = await this.resume(claim, context);
    // It can only be missing if it expired in this very moment; then the client may simply ask again.
    if (!answer) throw keyInProgress();
    return answer;
  }

  private async refuse(
    claim: KeyClaim,
    refusal: Problem,
    context: PlacementContext,
  ): Promise<PlacementResult> {
    const answer = answerOf(refusal);
    await reachPausePoint('placement.before-refusal');
    if (await this.keys.saveResponse(claim, answer)) return { answer, isReplay: false };
    return { answer: await this.resumeTaken(claim, context), isReplay: true };
  }

  /** The response for an order, which stays the same after later changes of the order. */
  private async answer(order: Order, isDatabaseSlow = false): Promise<PlacementAnswer> {
    switch (order.status) {
      case 'pending':
        return answerOf(unsettledProblem(order, isDatabaseSlow));
      case 'rejected':
        return answerOf(rejectedProblem(order, await this.findSettlement(order)));
      case 'failed':
        return answerOf(failedProblem(order, await this.findSettlement(order)));
      default:
        return confirmedAnswer(order, await this.confirmedVersionOf(order));
    }
  }

  /** The event that rejected the order or made it fail. */
  private async findSettlement({ id, status }: Order): Promise<OrderEvent | undefined> {
    const events = await this.orders.listEvents(id);
    return events.find((event) => event.toStatus === status);
  }

  private async confirmedVersionOf(order: Order): Promise<number> {
    if (order.version === FIRST_VERSION + 1) return order.version;
    const events = await this.orders.listEvents(order.id);
    return events.find((event) => event.toStatus === 'confirmed')?.seq ?? order.version;
  }

  private claimOf(request: PlacementRequest, key: string, scope: string): KeyClaim {
    const { customerId, customerName, customerEmail, items, currency, expectedTotal } = request;
    const lines = items?.map((item) => [item.productId, item.quantity, item.price ?? null]) ?? null;
    const canonical = [customerId, customerName, customerEmail, lines, currency, expectedTotal].map(
      (part) => part ?? null,
    );
    return {
      scope,
      key,
      requestHash: createHash('sha256').update(JSON.stringify(canonical)).digest('hex'),
      keepHours: this.settings.IDEMPOTENCY_KEY_HOURS,
    };
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
