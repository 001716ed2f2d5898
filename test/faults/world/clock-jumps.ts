/**
 * Loaded into the service with `node --import`: its wall clock jumps, as that of a machine whose time is corrected.
 * The monotonic clock, by which deadlines are measured, goes on undisturbed, as it does there.
 */

/** How far it is off as a rule: what a virtual machine that was suspended, or a wrong time server, does. */
const USUAL_JUMP_MS = 15 * 60_000;

/** Now and then it is off by days, which is longer than anything that the service keeps for a limited time. */
const FAR_JUMP_MS = 3 * 24 * 3_600_000;
const FAR_JUMPS = 0.3;

/** Often enough to meet every step of an order sooner or later. */
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
