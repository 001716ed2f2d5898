import type { FastifyReply } from 'fastify';
import { type Answer, JSON_TYPE, refusal } from './idempotency.ts';
import { BadInput } from './input.ts';

/** What can be done to a call. See `FaultRule` for each. */
export type FaultKind = 'delay' | 'hang' | 'refuse' | 'reset' | 'status' | 'garbage' | 'truncate' | 'away';

/**
 * A rule that disturbs calls.
 *
 * - `delay`: continues after `ms`
 * - `hang`: continues when released, or after `ms`
 * - `refuse`: closes the connection as soon as the call's head has arrived
 * - `reset`: resets the connection
 * - `status`: answers `status` with a `detail`
 * - `garbage`: answers 200 with something that isn't JSON
 * - `truncate`: answers with half of the body and closes the connection
 * - `away`: like `refuse` for every call, regardless of `method` and `path`, until `forMs` have passed or the rule
 *   is removed
 *
 * `before` the effect: the call has no effect, except after a delay or a hang, when the effect is late, even if the
 * caller has gone. `after`: the effect has happened and only its response is lost, late or wrong.
 */
export interface FaultRule {
  kind: FaultKind;
  /** Default `before`; for `garbage` and `truncate` it is `after`. `refuse` and `away` know `before` only. */
  when?: 'before' | 'after';
  /** As in `PUT`; default: every method. */
  method?: string;
  /** The path, in which `*` stands for one segment and `**` for anything; default: every path. */
  path?: string;
  /** How many matching calls pass before the rule begins to apply. Default 0. */
  skip?: number;
  /** How many calls are disturbed. Default: all. */
  times?: number;
  /** From 0 to 1: how likely a matching call is disturbed. Default 1. */
  probability?: number;
  /** Where the rule's own random numbers start, so that a run can be repeated. Default 1. */
  seed?: number;
  /** Milliseconds of a `delay` (default 1 000) or the longest `hang` (default 30 000). */
  ms?: number;
  /** Of a `status` fault. Default 503. */
  status?: number;
  /** Sent as `Retry-After` with a `status` fault. */
  retryAfterSeconds?: number;
  /** How long the rule exists, in milliseconds. Default: until it is removed. */
  forMs?: number;
}

/** A rule together with what it has done so far, as `GET /sandbox/faults` shows it. */
export interface FaultRuleState {
  id: number;
  rule: Required<Pick<FaultRule, 'kind' | 'when'>> & FaultRule;
  /** Calls that matched, those skipped included. */
  seen: number;
  /** Calls that were disturbed. */
  injected: number;
  /** False once the rule is used up or its time is over. */
  active: boolean;
}

/** The fault to inject into one call. */
export interface Fault {
  readonly kind: FaultKind;
  readonly when: 'before' | 'after';
  readonly ms: number;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
}

const DEFAULT_DELAY_MS = 1_000;
const DEFAULT_HANG_MS = 30_000;
const DEFAULT_STATUS = 503;

/** Every call is compared with every rule, so there must not be many. */
const MAX_RULES = 1_000;

const GARBAGE = '<html><body>It works!</body></html>';
/** Stands for the response that a truncation before the effect cuts in half. */
const FILLER = '{"detail":"This answer breaks off"}';

/** Turns `/inventory/*` into an expression: `*` is one segment, `**` is anything. */
function compilePattern(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\*{1,2}/g, (stars) => (stars === '**' ? '.*' : '[^/]*'))}$`);
}

/** Mulberry32: small, fast, and the same numbers for the same seed on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One rule at work. */
class ActiveRule {
  readonly fault: Fault;
  readonly #random: () => number;
  readonly #pattern: RegExp | null;
  readonly #method: string | null;
  readonly #endsAt: number;
  #seen = 0;
  #injected = 0;
  readonly id: number;
  readonly rule: FaultRule;

  constructor(id: number, rule: FaultRule) {
    this.id = id;
    this.rule = rule;
    const { kind, ms, path, method } = rule;
    const usuallyAfter = kind === 'garbage' || kind === 'truncate';
    this.fault = {
      kind,
      when: rule.when ?? (usuallyAfter ? 'after' : 'before'),
      ms: ms ?? (kind === 'hang' ? DEFAULT_HANG_MS : DEFAULT_DELAY_MS),
      status: rule.status ?? DEFAULT_STATUS,
      retryAfterSeconds: rule.retryAfterSeconds,
    };
    this.#random = randomFrom(rule.seed ?? 1);
    this.#pattern = path === undefined || kind === 'away' ? null : compilePattern(path);
    this.#method = method === undefined || kind === 'away' ? null : method.toUpperCase();
    this.#endsAt = rule.forMs === undefined ? Infinity : Date.now() + rule.forMs;
  }

  get active(): boolean {
    return this.#injected < (this.rule.times ?? Infinity) && Date.now() < this.#endsAt;
  }

  applies(method: string, path: string): boolean {
    if (!this.active) return false;
    if (this.#method !== null && this.#method !== method) return false;
    if (this.#pattern !== null && !this.#pattern.test(path)) return false;
    this.#seen += 1;
    if (this.#seen <= (this.rule.skip ?? 0)) return false;
    const probability = this.rule.probability ?? 1;
    if (probability < 1 && this.#random() >= probability) return false;
    this.#injected += 1;
    return true;
  }

  get state(): FaultRuleState {
    const rule = { ...this.rule, kind: this.fault.kind, when: this.fault.when };
    return { id: this.id, rule, seen: this.#seen, injected: this.#injected, active: this.active };
  }
}

/** A call that is being delayed or hangs. */
interface HeldCall {
  readonly timer: NodeJS.Timeout;
  readonly kind: FaultKind;
  readonly resume: () => void;
  readonly abandon: () => void;
}

/** The faults of one server. Of the rules that match a call, the first added is the one that applies. */
export class Faults {
  readonly #held = new Set<HeldCall>();
  #rules: ActiveRule[] = [];
  #nextId = 1;
  #counts = new Map<FaultKind, number>();

  /** @returns the rule's number, for `remove` */
  add(rule: FaultRule): number {
    if (this.#rules.length >= MAX_RULES) throw new BadInput(`There are ${MAX_RULES} fault rules already`);
    if (rule.when === 'after' && (rule.kind === 'refuse' || rule.kind === 'away')) {
      throw new BadInput(`A fault of kind ${rule.kind} always comes before the effect`);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#rules = [...this.#rules, new ActiveRule(id, rule)];
    return id;
  }

  /** @returns false when there is no such rule */
  remove(id: number): boolean {
    const before = this.#rules.length;
    this.#rules = this.#rules.filter((rule) => rule.id !== id);
    return this.#rules.length < before;
  }

  /** Removes all rules. Calls that hang go on hanging; the counts stay. */
  clear(): void {
    this.#rules = [];
  }

  list(): FaultRuleState[] {
    return this.#rules.map((rule) => rule.state);
  }

  /** How many calls have been disturbed, by kind. */
  get counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** Calls that are being delayed or hang now. */
  get held(): number {
    return this.#held.size;
  }

  /** Lets every hanging call go on. @returns how many there were */
  release(): number {
    const hanging = [...this.#held].filter((call) => call.kind === 'hang');
    for (const call of hanging) {
      this.#drop(call);
      call.resume();
    }
    return hanging.length;
  }

  /** Removes all rules and counts, and breaks off held calls, which then never have their effect. */
  reset(): void {
    this.clear();
    this.#counts = new Map();
    for (const call of this.#held) {
      this.#drop(call);
      call.abandon();
    }
  }

  /** Decides about one call. For the server that received it. */
  take(method: string, path: string): Fault | null {
    for (const rule of this.#rules) {
      if (!rule.applies(method, path)) continue;
      const { kind } = rule.fault;
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
      return rule.fault;
    }
    return null;
  }

  /**
   * Injects a fault into one call. For the server that received it.
   *
   * @param body the real response's body, empty when there is none yet
   * @param proceed continues without a fault
   * @param replace sends another response
   */
  inject(
    fault: Fault,
    reply: FastifyReply,
    body: string,
    proceed: () => void,
    replace: (answer: Answer) => void,
  ): void {
    const { socket } = reply.raw;
    const abandon = (): void => {
      reply.hijack();
      socket?.destroy();
    };
    switch (fault.kind) {
      case 'delay':
      case 'hang':
        return this.#hold(fault, proceed, abandon);
      case 'refuse':
      case 'away':
        return abandon();
      case 'reset':
        reply.hijack();
        socket?.resetAndDestroy();
        return;
      case 'garbage':
        return replace({ status: 200, body: GARBAGE });
      case 'truncate':
        return truncate(reply, body === '' ? FILLER : body);
      case 'status':
        if (fault.retryAfterSeconds !== undefined) reply.header('retry-after', fault.retryAfterSeconds);
        return replace(refusal(fault.status, `A fault rule of the sandbox answers ${fault.status}`));
    }
  }

  #hold({ kind, ms }: Fault, resume: () => void, abandon: () => void): void {
    const timer = setTimeout(() => {
      this.#drop(call);
      resume();
    }, ms);
    const call: HeldCall = { timer, kind, resume, abandon };
    this.#held.add(call);
  }

  #drop(call: HeldCall): void {
    clearTimeout(call.timer);
    this.#held.delete(call);
  }
}

/** Promises the whole answer and sends half of it. */
function truncate(reply: FastifyReply, body: string): void {
  const bytes = Buffer.from(body);
  const status = reply.statusCode === 204 ? 200 : reply.statusCode;
  reply.hijack();
  reply.raw.writeHead(status, { 'content-type': JSON_TYPE, 'content-length': bytes.length });
  reply.raw.write(bytes.subarray(0, bytes.length >> 1), () => reply.raw.socket?.destroy());
}
