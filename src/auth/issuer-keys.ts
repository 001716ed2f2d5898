import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import {
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
} from 'jose';
import { Settings } from '../config/settings.js';
import { issuerUnavailable } from './auth.problems.js';
import { keySetFetcher } from './key-set.js';

/** An issuer that needs longer for a file of a few kilobytes is as good as away. */
const FETCH_TIMEOUT_MS = 3_000;

/** A withdrawn key is rejected after this time, while the issuer is available. */
const REFRESH_AFTER_MS = 10 * 60_000;

/**
 * During an outage of the issuer, tokens with a known key stay valid for this long: the usual life of an access
 * token, after which there would be no new ones anyway.
 */
const USABLE_MS = 60 * 60_000;

/**
 * Minimum interval of fetches for unknown key ids. Tokens with one wait for the next fetch: they may be signed with a
 * new key, and made-up key ids must not cause their rejection.
 */
const COOLDOWN_MS = 1_000;

/** After a failure the issuer is not called again for this long; requests fail at once in between. */
const FAILURE_PAUSE_MS = 1_000;

/** The cached public keys of the issuer. */
@Injectable()
export class IssuerKeys implements OnApplicationBootstrap {
  private readonly logger = new Logger(IssuerKeys.name);
  private readonly keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  /** All on the monotonic clock, since the wall clock may be set. */
  private loadedAt = -Infinity;
  private failedAt = -Infinity;
  private isAway = false;
  /** The fetch that tokens with unknown key ids wait for. */
  private next: Promise<void> | undefined;

  constructor(settings: Settings) {
    if (!settings.AUTH.includes('jwt') || !settings.JWT_JWKS_URL) return;
    this.keys = createRemoteJWKSet(new URL(settings.JWT_JWKS_URL), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      // The refresh policy is below: the library would reject a token whose key it can't fetch.
      cacheMaxAge: Infinity,
      cooldownDuration: Infinity,
      [customFetch]: keySetFetcher(() => this.keys?.jwks()),
    });
  }

  /** Fetches the keys before the first request needs them, and logs a wrong URL early. */
  onApplicationBootstrap(): void {
    if (this.keys) this.refresh();
  }

  /**
   * The key that signed a token, by its header.
   *
   * @throws {Problem} issuer-unavailable, when the key is unknown and the issuer does not answer
   * @throws {errors.JOSEError} when the issuer has no such key
   */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (!this.keys) throw new Error('there is no issuer of tokens');
    if (this.age >= USABLE_MS) await this.reload();
    else if (this.age >= REFRESH_AFTER_MS) this.refresh();
    try {
      return await this.keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      this.next ??= this.reloadAfterCooldown().finally(() => (this.next = undefined));
      await this.next;
      return this.keys(header, token);
    }
  }

  private get age(): number {
    return performance.now() - this.loadedAt;
  }

  /** Fetches the keys in the background. */
  private refresh(): void {
    this.reload().catch(() => {
      // `reload` has logged it, and a request that needs the keys fails by itself.
    });
  }

  private async reloadAfterCooldown(): Promise<void> {
    if (this.age < COOLDOWN_MS) await sleep(COOLDOWN_MS - this.age);
    await this.reload();
  }

  /**
   * Fetches the keys; concurrent callers share the fetch.
   *
   * @throws {Problem} issuer-unavailable
   */
  private async reload(): Promise<void> {
    if (performance.now() - this.failedAt < FAILURE_PAUSE_MS) throw issuerUnavailable();
    try {
      await this.keys?.reload();
    } catch (error) {
      this.failedAt = performance.now();
      if (!this.isAway) this.logger.error({ err: error }, "The issuer's keys can't be fetched");
      this.isAway = true;
      throw issuerUnavailable();
    }
    this.loadedAt = performance.now();
    if (this.isAway) this.logger.log("The issuer's keys can be fetched again");
    this.isAway = false;
  }
}
