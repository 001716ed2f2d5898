/**
 * Loaded into the service with `node --import`: makes its wall clock jump, as when the time of a machine is corrected.
 * The monotonic clock, which measures deadlines, is not affected, as on a real machine.
 */

/** Usual offset: as after the suspension of a virtual machine, or with a wrong time server. */
const USUAL_JUMP_MS = 15 * 60_000;

/** Occasional offset of days: longer than the service keeps any temporary record. */
const FAR_JUMP_MS = 3 * 24 * 3_600_000;
const FAR_JUMPS = 0.3;

/** Often enough to hit every step of an order. */
const JUMP_EVERY_MS = 700;

const RealDate = Date;
let offset = 0;

const jump = (): void => {
  const farthest = Math.random() < FAR_JUMPS ? FAR_JUMP_MS : USUAL_JUMP_MS;
  offset = Math.round((Math.random() * 2 - 1) * farthest);
};
jump();
setInterval(jump, JUMP_EVERY_MS).unref();

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget: typeof Date) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + offset] : args, newTarget) as Date,
  get: (target, property) =>
    property === 'now' ? () => RealDate.now() + offset : (Reflect.get(target, property) as unknown),
});
