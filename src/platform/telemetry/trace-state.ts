/** One member of a `tracestate`, section 3.3.1: a key, which may name its tenant, and a value without `,` and `=`. */
const MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\u0020-\u002b\u002d-\u003c\u003e-\u007e]{0,255}[\u0021-\u002b\u002d-\u003c\u003e-\u007e]$/;

/** Section 3.3.1.1. */
const MAX_MEMBERS = 32;

/**
 * The minimum that every participant must propagate (section 3.3.1.5); longer values are dropped instead of carried
 * along.
 */
const MAX_TRACESTATE_LENGTH = 512;

/** Whether a `tracestate` is one (W3C Trace Context, section 3.3), and short enough to be handed on. */
export function isTracestate(text: string): boolean {
  if (text.length > MAX_TRACESTATE_LENGTH) return false;
  const members = text
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
  const keys = new Set(members.map((member) => member.split('=', 1)[0]));
  return (
    members.length > 0 &&
    members.length <= MAX_MEMBERS &&
    keys.size === members.length &&
    members.every((member) => MEMBER.test(member))
  );
}
