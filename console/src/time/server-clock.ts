/**
 * How far the clock of the service may be from the browser's before it counts: the header has whole seconds, and the response
 * was under way.
 */
const TOLERANCE_MS = 2_000;

/** By how much the clock of the service is ahead of the browser's. */
let aheadMs = 0;

/** @param date header `Date` of a response; a cached or shortened one has none, which changes nothing */
export function noteServerTime(date: string | null): void {
  const difference = Date.parse(date ?? '') - Date.now();
  if (!Number.isNaN(difference)) aheadMs = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** Now by the clock of the service, in milliseconds: a hold ends by it, and clocks of browsers can be wrong by hours. */
export function serverNow(): number {
  return Date.now() + aheadMs;
}
