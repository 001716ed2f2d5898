import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { keyInProgress, keyReused } from './idempotency.problems.js';
import { IdempotencyRepository, type KeyClaim, type StoredResponse } from './idempotency.repository.js';

/** The `Idempotency-Key` of a request, if it has one. Keys of different callers are independent. */
export interface CallerKey {
  caller: string;
  key: string | undefined;
}

/** The result of a request that ran for the first time. */
export interface FirstRun {
  response: StoredResponse;
  /**
   * `bound`: a transaction of the request has bound the key to an order. `store`: the response is certain, and is stored
   * with the key. `free`: a retry with the key runs again.
   */
  key: 'bound' | 'store' | 'free';
  /** Whether it repeats the response to an earlier request, which was found by other means than the key. */
  isReplay?: boolean;
}

/** The response, and whether it is a replay of an earlier one. */
export interface RunResult {
  response: StoredResponse;
  isReplay: boolean;
}

/** Idempotency keys: the same key and request have the same effect once, and the same response every time. */
@Injectable()
export class Idempotency {
  constructor(
    private readonly keys: IdempotencyRepository,
    private readonly settings: Settings,
  ) {}

  /**
   * Runs a request unless its key is known; then the response is replayed. Without a key it always runs.
   *
   * @param fingerprint of the whole request, computed where it has a key
   * @param fn runs the request. It may bind the claim to an order in its own transaction, and returns `key_taken` when a
   *   concurrent request has bound the key first
   * @param replay the response for an order that the key is bound to
   * @throws {Problem} idempotency-key-reused, idempotency-key-in-progress
   */
  async run(
    { caller, key }: CallerKey,
    fingerprint: () => string,
    fn: (claim: KeyClaim | undefined) => Promise<FirstRun | 'key_taken'>,
    replay: (orderId: string) => Promise<StoredResponse>,
  ): Promise<RunResult> {
    if (key === undefined) {
      const first = await fn(undefined);
      if (first === 'key_taken') throw new Error('a request without a key has lost it to another');
      return resultOf(first);
    }
    const keepHours = this.settings.IDEMPOTENCY_KEY_HOURS;
    const claim = { scope: caller, key, requestHash: fingerprint(), keepHours };
    const known = await this.find(claim, replay);
    if (known) return { response: known, isReplay: true };
    const first = await fn(claim);
    if (first !== 'key_taken') {
      const isKept = first.key !== 'store' || (await this.keys.saveResponse(claim, first.response));
      if (isKept) return resultOf(first);
    }
    // A concurrent request with the key was first; both return its response.
    const earlier = await this.find(claim, replay);
    if (earlier) return { response: earlier, isReplay: true };
    // The key expired in this very moment.
    if (first === 'key_taken') throw keyInProgress();
    return resultOf(first);
  }

  /** The response for a known key; undefined for a new one. */
  private async find(
    { scope, key, requestHash }: KeyClaim,
    replay: (orderId: string) => Promise<StoredResponse>,
  ): Promise<StoredResponse | undefined> {
    const known = await this.keys.findKey(scope, key);
    if (!known) return undefined;
    if (known.isExpired) {
      await this.keys.deleteKeyIfExpired(scope, key);
      return undefined;
    }
    if (known.requestHash !== requestHash) throw keyReused();
    return known.orderId === null ? known.response : replay(known.orderId);
  }
}

function resultOf({ response, isReplay = false }: FirstRun): RunResult {
  return { response, isReplay };
}
