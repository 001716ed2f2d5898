import { Injectable } from '@nestjs/common';
import type { StoredSecret } from './webhook-endpoint.entity.js';

/** The secrets of endpoints. */
@Injectable()
export class WebhookSecrets {
  /** Secrets that sign deliveries at the moment, as in `whsec_…`, the newest first. */
  signing(stored: readonly StoredSecret[], now: Date): string[] {
    return stored
      .filter(({ valid_until: until }) => until === null || Date.parse(until) > now.getTime())
      .map(({ secret }) => secret);
  }
}
