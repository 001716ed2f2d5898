import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Deadline } from '../../platform/deadline.js';
import { Problem } from '../../platform/http/problem.js';
import { reachPausePoint } from '../../platform/pause-points.js';
import type { Order } from '../order.entity.js';
import { orderProblem, type Shortage } from '../order.problems.js';
import { OrderRepository } from '../order.repository.js';
import { IdempotencyRepository, type KeyClaim } from './idempotency.repository.js';
import { OrderDrafts, type PlacementRequest } from './order-draft.js';
import { OrderPlacement } from './order-placement.js';
import {
  answerOf,
  confirmedAnswer,
  failedProblem,
  keyInProgress,
  type PlacementAnswer,
  rejectedProblem,
  unsettledProblem,
} from './placement-answer.js';
import type { Patience } from './settlement.js';

/** What is told to the client, and whether it was told before. */
export interface PlacementResult {
  answer: PlacementAnswer;
  isReplay: boolean;
}

/**
 * Takes a request for an order and answers it: the same answer for the same key, as often as it is asked.
 *
 * A key stands for an order from the moment the order is stored, and the answer is made from what became of that order.
 * Only a refusal that comes before there is an order is kept with the key itself.
 */
@Injectable()
export class PlaceOrder {
  constructor(
    private readonly drafts: OrderDrafts,
    private readonly placement: OrderPlacement,
    private readonly orders: OrderRepository,
    private readonly keys: IdempotencyRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * @param caller who asks; keys are theirs, and events name them
   * @throws {Problem} where the request is refused before it is decided upon
   */
  async place(request: PlacementRequest, key: string | undefined, caller: string): Promise<PlacementResult> {
    const deadline = Deadline.in(this.settings.REQUEST_DEADLINE_MS);
    if (key === undefined) {
      const order = await this.accept(request, undefined, caller, deadline);
      if (!order) throw new Error('an order without a key can not have lost it to another');
      // Nobody could ask for this order again, so an unknown outcome takes it back at once.
      return { answer: await this.drive(order, 'give_up', deadline), isReplay: false };
    }
    const claim = this.claimOf(request, key, caller);
    const known = await this.resume(claim, deadline);
    return known ? { answer: known, isReplay: true } : this.placeOnce(request, claim, caller, deadline);
  }

  private async placeOnce(
    request: PlacementRequest,
    claim: KeyClaim,
    caller: string,
    deadline: Deadline,
  ): Promise<PlacementResult> {
    let order: Order | undefined;
    try {
      order = await this.accept(request, claim, caller, deadline);
    } catch (error) {
      // A refusal is certain and kept for the key; a fault is not, so that the client may ask again.
      if (error instanceof Problem && error.status < 500) return this.refuse(claim, error, deadline);
      throw error;
    }
    if (!order) return { answer: await this.resumeTaken(claim, deadline), isReplay: true };
    return { answer: await this.drive(order, 'wait', deadline), isReplay: false };
  }

  /** Checks the request and stores the order. @returns undefined when another request came first with this key */
  private async accept(
    request: PlacementRequest,
    claim: KeyClaim | undefined,
    caller: string,
    deadline: Deadline,
  ): Promise<Order | undefined> {
    await reachPausePoint('placement.before-look-up');
    const draft = await this.drafts.prepare(request, deadline);
    await reachPausePoint('placement.before-accept');
    return this.placement.accept(draft, claim, caller);
  }

  private async drive(order: Order, patience: Patience, deadline: Deadline): Promise<PlacementAnswer> {
    const advanced = await this.placement.advance(order, patience, deadline, 'placement');
    await reachPausePoint('placement.before-answer', order.id);
    return this.answer(advanced);
  }

  /** The answer to a key that is known already; undefined for a new one. */
  private async resume(claim: KeyClaim, deadline: Deadline): Promise<PlacementAnswer | undefined> {
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
    const abandoned = await this.placement.takeOver(known.orderId);
    if (abandoned) return this.drive(abandoned, 'wait', deadline);
    const order = await this.orders.findOrder(known.orderId);
    if (!order || order.status === 'pending') throw keyInProgress();
    return this.answer(order);
  }

  private async resumeTaken(claim: KeyClaim, deadline: Deadline): Promise<PlacementAnswer> {
    const answer = await this.resume(claim, deadline);
    // It can only be missing if it expired in this very moment; then the client may simply ask again.
    if (!answer) throw keyInProgress();
    return answer;
  }

  private async refuse(claim: KeyClaim, refusal: Problem, deadline: Deadline): Promise<PlacementResult> {
    const answer = answerOf(refusal);
    await reachPausePoint('placement.before-refusal');
    if (await this.keys.claimForRefusal(claim, answer)) return { answer, isReplay: false };
    return { answer: await this.resumeTaken(claim, deadline), isReplay: true };
  }

  /** What a client is told about an order, whatever has become of it since. */
  private async answer(order: Order): Promise<PlacementAnswer> {
    switch (order.status) {
      case 'pending':
        return answerOf(unsettledProblem(order));
      case 'rejected':
        return answerOf(rejectedProblem(order, await this.shortagesOf(order)));
      case 'failed':
        return answerOf(failedProblem(order));
      default:
        return confirmedAnswer(order);
    }
  }

  private async shortagesOf(order: Order): Promise<Shortage[]> {
    const events = await this.orders.listEvents(order.id);
    const rejection = events.find((event) => event.toStatus === 'rejected');
    return (rejection?.data?.['shortages'] as Shortage[] | undefined) ?? [];
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
