/** Longest cause. Reasons are not longer than 500 characters either. */
export const MAX_CAUSE_LENGTH = 500;

const LINE = /^line \d+ may still be held: /;
const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** Numbers that differ between two failures with the same cause. The status of an answer is a cause. */
const NUMBER = /(?<!answered )\b\d+(?:\.\d+)?\b/g;

/** What incidents have in common: their reason without the ids, lines and durations that differ between them. */
export function causeOf(reason: string): string {
  return reason.replace(LINE, '').replaceAll(ID, '*').replaceAll(NUMBER, '*');
}
