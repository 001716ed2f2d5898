/**
 * Why a call to another service gave no usable answer.
 *
 * `not_sent`: the request certainly never reached the service (connection refused, name not found).
 * `timeout`, `connection`: no answer, or half of one. `status`: an answer that the contract does not know, such as
 * 500 or 429. `garbage`: an answer that can't be read.
 */
export type UpstreamFaultKind = 'not_sent' | 'timeout' | 'connection' | 'status' | 'garbage';

/** No usable answer from another service: the call may or may not have had its effect. */
export class UpstreamFault extends Error {
  constructor(
    /** The service's name for people, as in `inventory service`. */
    readonly upstream: string,
    readonly kind: UpstreamFaultKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(`${upstream}: ${message}`, options);
    this.name = 'UpstreamFault';
  }
}
