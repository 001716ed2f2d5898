/**
 * Why a call to another service gave no usable answer. `not_sent`: the request certainly never reached the service
 * (connection refused, name not found). `timeout`, `connection`: no answer, or a partial one. `status`: a status that
 * a retry may change, such as 500 or 429. `garbage`: an answer that is not JSON, or about another subject. `invalid`:
 * an answer that a retry does not change and that the contract excludes, such as a redirect, a 409 to a GET or a
 * price of 1.005 USD.
 */
export type UpstreamFaultKind = 'not_sent' | 'timeout' | 'connection' | 'status' | 'garbage' | 'invalid';

/**
 * Statuses that reject a request before it is processed, because of its credentials (401, 407), method (405), length
 * (411, 413, 414, 431) or type (415); RFC 9110, section 15.5. They do not judge the content of the request, so they
 * are no refusal either. A proxy may send 403 and 429 after the service has acted, and 408 while it acts.
 */
const TURNED_AWAY = new Set<number | undefined>([401, 405, 407, 411, 413, 414, 415, 431]);

/** No usable answer from another service: the outcome of the call is unknown. */
export class UpstreamFault extends Error {
  constructor(
    /** The service's name for people, as in `inventory service`. */
    readonly upstream: string,
    readonly kind: UpstreamFaultKind,
    /** The reason, without the name of the service. Quotes nothing of the answer, and holds no personal data. */
    readonly reason: string,
    options?: { cause?: unknown },
    /** The status of the answer, if it is the reason. */
    private readonly status?: number,
  ) {
    super(`${upstream}: ${reason}`, options);
    this.name = 'UpstreamFault';
  }

  /** Whether the call certainly had no effect: it never arrived, or was rejected before processing. */
  get hadNoEffect(): boolean {
    return this.kind === 'not_sent' || TURNED_AWAY.has(this.status);
  }

  /** Whether the service answered, and its answer breaks the contract. */
  get isInvalidAnswer(): boolean {
    return this.kind === 'garbage' || this.kind === 'invalid';
  }
}
