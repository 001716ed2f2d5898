import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type FirstRun, Idempotency, type RunResult } from '../../idempotency/idempotency.js';
import type { KeyClaim, StoredResponse } from '../../idempotency/idempotency.repository.js';
import { databaseNow } from '../../platform/database/database-clock.js';
import { OrderResponse } from '../dto/order.response.js';
import { etag } from '../dto/request-headers.js';
import type { Order } from '../order.entity.js';
import { correctionNotAllowed, versionConflict } from '../order.problems.js';
import type { NewEvent } from '../order.repository.js';
import { isOpen } from '../order-status.js';
import { OrdersService } from '../orders.service.js';
import type { Owner } from '../ownership.js';
import { type CorrectOrderDto, correctionFingerprint } from './correct-order.dto.js';
import { type CorrectableField, correct, personal, untilShipped } from './correction.js';
import { type CorrectionConflict, CorrectionsRepository } from './corrections.repository.js';

/**
 * Retries after concurrent changes; after more conflicts in a row the caller gets the error. One of several concurrent
 * corrections succeeds in each round, so this is about how many there may be.
 */
const ATTEMPTS = 20;

/** Upper bound of the random wait before the next try, times the number of tries: the same two don't meet again. */
const RETRY_WAIT_MS = 5;

/** Who corrects an order, and under which conditions. */
export interface CorrectionRequest {
  /** Versions that the caller has seen; one of them must be the current one. Undefined skips the check. */
  expectedVersions: number[] | undefined;
  key: string | undefined;
  owner: Owner;
  actor: string;
}

/**
 * Corrects what was entered wrongly: customer, addresses, note, tags and metadata, never lines or amounts. The patch is
 * applied to the newest version, in one transaction with its event, and without a call to another service.
 *
 * A key belongs to the order from the moment of the correction, so that no response with personal data is stored. A
 * retry returns the order as it is then.
 */
@Injectable()
export class Corrections {
  constructor(
    private readonly orders: OrdersService,
    private readonly repository: CorrectionsRepository,
    private readonly idempotency: Idempotency,
  ) {}

  /** @throws {Problem} order-not-found, invalid-request, correction-not-allowed, version-conflict, idempotency-key-reused */
  async correct(id: string, patch: CorrectOrderDto, request: CorrectionRequest): Promise<RunResult> {
    const { key, owner, actor, expectedVersions } = request;
    return this.idempotency.run(
      { caller: actor, key },
      () => correctionFingerprint(id, patch, expectedVersions),
      (claim) => this.correctFirst(id, patch, request, claim),
      async (orderId) => responseFor(await this.orders.get(owner, orderId)),
    );
  }

  /** A refusal is not stored with the key: nothing has happened, and the same request may succeed later. */
  private async correctFirst(
    id: string,
    patch: CorrectOrderDto,
    request: CorrectionRequest,
    claim: KeyClaim | undefined,
  ): Promise<FirstRun | 'key_taken'> {
    const { owner, expectedVersions, actor } = request;
    for (let attempt = 1; ; attempt += 1) {
      const current = await this.orders.get(owner, id);
      if (expectedVersions && !expectedVersions.includes(current.version)) {
        throw versionConflict(current.version);
      }
      const outcome = await this.apply(current, patch, actor, claim);
      if (outcome === 'key_taken') return outcome;
      if (outcome !== 'changed') return { response: responseFor(outcome), key: 'bound' };
      if (attempt === ATTEMPTS) throw versionConflict(current.version + 1);
      await sleep(Math.random() * RETRY_WAIT_MS * attempt);
    }
  }

  /** @returns the order as it is then */
  private async apply(
    current: Order,
    patch: CorrectOrderDto,
    actor: string,
    claim: KeyClaim | undefined,
  ): Promise<Order | CorrectionConflict> {
    const { order, fields } = correct(current, patch);
    if (fields.length === 0) {
      const isBound = claim === undefined || (await this.repository.bindKey(claim, current.id));
      return isBound ? current : 'key_taken';
    }
    await this.requireAllowed(current, fields);
    const at = databaseNow();
    const corrected = { ...order, version: current.version + 1, updatedAt: at };
    const event = eventOf(corrected, fields, actor);
    const verdict = await this.repository.save(corrected, event, claim);
    return verdict === 'written' ? corrected : verdict;
  }

  /** @throws {Problem} correction-not-allowed, which names every field that can not be corrected any more */
  private async requireAllowed({ id, status }: Order, fields: readonly CorrectableField[]): Promise<void> {
    const late = isOpen(status) ? [] : untilShipped(fields);
    if (late.length > 0) throw correctionNotAllowed(status, late, false);
    const erasable = personal(fields);
    if (erasable.length > 0 && (await this.repository.isErased(id)))
      throw correctionNotAllowed(status, erasable, true);
  }
}

/** Names the fields alone: the history is never erased. */
function eventOf(order: Order, fields: readonly CorrectableField[], actor: string): NewEvent {
  const { id: orderId, version, updatedAt: at } = order;
  return { orderId, version, type: 'corrected', actor, data: { fields }, at, from: null, to: null };
}

function responseFor(order: Order): StoredResponse {
  return { status: 200, headers: { etag: etag(order.version) }, body: { ...OrderResponse.from(order) } };
}
