import { setTimeout as sleep } from 'node:timers/promises';
import type { Receivers } from '../receivers/receivers.ts';
import type { CampaignDatabase } from '../world/database.ts';
import { cutConnections, failStatements, forceDeadlock } from '../world/database-faults.ts';
import type { Instance } from '../world/instance.ts';
import type { PauseServer } from '../world/pause-server.ts';
import type { Upstreams } from '../world/upstreams.ts';
import { changeWeather, makeOutcomesUnknown, sellOut } from '../world/weather.ts';
import type { CampaignOptions } from './options.ts';
import { Random } from './random.ts';
import type { DatabaseFault, InstanceFault, Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';

/** The targets of a campaign. */
export interface World {
  instances: Instance[];
  database: CampaignDatabase;
  upstreams: Upstreams;
  receivers: Receivers;
  pauses: PauseServer;
}

/** Time for a process to reach a pause point before it is killed wherever it is. */
const POINT_TIMEOUT_MS = 10_000;

/** The same for points that were named as an option: each must be reached. */
const NAMED_POINT_TIMEOUT_MS = 60_000;

/** Points that are reached only when the outcome of a reservation stays unknown. */
const NEEDS_UNKNOWN_OUTCOME = new Set(['placement.before-postpone', 'recovery.taken-over']);

/** Points that are reached only when the stock of an expired order is gone. */
const NEEDS_SHORTAGE = new Set(['late-confirmation.inside-give-back']);

const WAIT_MS = 20;

/** Executes the schedule: one lane per instance, one for the database, one for the upstream faults. */
export class Attack {
  /** Per lane, the number of completed orders at which its next fault is due. */
  private readonly due = new Map<string, number>();
  private readonly done: Promise<void>;
  private isOver = false;

  private readonly options: CampaignOptions;
  private readonly world: World;
  private readonly schedule: Schedule;
  private readonly tally: Tally;
  /** The number of completed orders. */
  private readonly progress: () => number;

  constructor(
    options: CampaignOptions,
    world: World,
    schedule: Schedule,
    tally: Tally,
    progress: () => number,
  ) {
    this.options = options;
    this.world = world;
    this.schedule = schedule;
    this.tally = tally;
    this.progress = progress;

    this.done = this.run();
  }

  /** The next due fault. Clients must not run far ahead of it, or it would be late. Infinite at the end. */
  get nextDue(): number {
    return Math.min(...this.due.values(), Number.POSITIVE_INFINITY);
  }

  /** Resolves when every scheduled fault has been injected and every killed process runs again. */
  finished(): Promise<void> {
    return this.done;
  }

  /** Lets active faults end, and starts no more. */
  stop(): void {
    this.isOver = true;
  }

  private async run(): Promise<void> {
    const lanes = this.world.instances.map((instance, index) =>
      this.lane(instance.name, this.schedule.instances[index] ?? [], (fault, rest) =>
        this.hit(instance, fault, rest),
      ),
    );
    const random = Random.of(this.options.seed, 'weather', 'kinds');
    const weather = this.schedule.weather.map((at) => ({ at }));
    await Promise.all([
      ...lanes,
      this.lane('database', this.schedule.database, (fault) => this.hitDatabase(fault)),
      this.lane('weather', weather, async () => {
        this.tally.merge(await changeWeather(this.world.upstreams, this.options.inventory, random));
      }),
    ]);
  }

  private async lane<Fault extends { at: number }>(
    name: string,
    faults: readonly Fault[],
    act: (fault: Fault, rest: readonly Fault[]) => Promise<void>,
  ): Promise<void> {
    for (const [index, fault] of faults.entries()) {
      this.due.set(name, fault.at);
      while (this.progress() < fault.at && !this.isOver) await sleep(WAIT_MS);
      if (this.isOver) break;
      // While this fault is active, clients may go on until the next one is due.
      this.due.set(name, faults[index + 1]?.at ?? Number.POSITIVE_INFINITY);
      await act(fault, faults.slice(index + 1));
    }
    this.due.delete(name);
  }

  private async hit(instance: Instance, fault: InstanceFault, rest: readonly InstanceFault[]): Promise<void> {
    const point = fault.point ?? '';
    switch (fault.kind) {
      case 'kill':
        await instance.kill();
        this.tally.add('SIGKILL at any moment');
        return this.restart(instance, rest);
      case 'kill-at': {
        const isHit = await this.catchAt(instance, point, () => instance.kill());
        if (!isHit) await instance.kill();
        this.tally.add(isHit ? `SIGKILL at ${point}` : `SIGKILL at any moment, as ${point} was not reached`);
        return this.restart(instance, rest);
      }
      case 'terminate': {
        const hasEnded = await instance.terminate();
        this.tally.add(hasEnded ? 'SIGTERM under load' : 'SIGTERM under load, then SIGKILL');
        return this.restart(instance, rest);
      }
      case 'freeze':
        await instance.freeze(fault.ms ?? 0);
        return this.tally.add('SIGSTOP at any moment, SIGCONT later');
      case 'freeze-at': {
        let frozen: Promise<void> | undefined;
        const isHit = await this.catchAt(instance, point, async () => {
          // Not awaited: the response is ready when the process resumes.
          frozen = instance.freeze(fault.ms ?? 0);
        });
        await frozen;
        return this.tally.add(isHit ? `SIGSTOP at ${point}, SIGCONT later` : 'SIGSTOP missed');
      }
    }
  }

  /** Waits for an instance to reach a point. @returns whether it did in time */
  private async catchAt(instance: Instance, point: string, act: () => Promise<void>): Promise<boolean> {
    const timeout = this.options.points ? NAMED_POINT_TIMEOUT_MS : POINT_TIMEOUT_MS;
    const giveUpAt = performance.now() + timeout;
    const caught: { acting?: Promise<void> } = {};
    const remove = this.world.pauses.set(instance.pid, {
      point,
      spring: async () => {
        caught.acting = act();
        await caught.acting;
      },
    });
    for (let round = 0; !caught.acting && performance.now() < giveUpAt && !this.isOver; round += 1) {
      // Repeated every two seconds, because another instance may have used up the fault rules.
      if (round % 100 === 0) await this.provoke(point);
      await sleep(WAIT_MS);
    }
    remove();
    await caught.acting;
    return caught.acting !== undefined;
  }

  /** Makes happen what the point needs. */
  private async provoke(point: string): Promise<void> {
    const { upstreams } = this.world;
    if (NEEDS_UNKNOWN_OUTCOME.has(point)) await makeOutcomesUnknown(upstreams, this.options.inventory);
    if (NEEDS_SHORTAGE.has(point)) await sellOut(upstreams, this.options.inventory);
  }

  private async restart(instance: Instance, rest: readonly InstanceFault[]): Promise<void> {
    await instance.start(pointsAhead(rest), this.drawClock(instance, rest.length));
  }

  /** Some processes run with a wall clock that jumps. */
  private drawClock({ name }: Instance, life: number): boolean {
    const random = Random.of(this.options.seed, 'clock', name, life);
    return this.options.faults.has('clock') && random.chance(0.25);
  }

  private async hitDatabase(fault: DatabaseFault): Promise<void> {
    const { database } = this.world;
    const random = Random.of(this.options.seed, 'database', fault.kind, fault.at);
    switch (fault.kind) {
      case 'crash':
        if (!database.canBeKilled) return this.tally.add('PostgreSQL not killed, as it is external');
        await database.crash(fault.ms ?? 0);
        return this.tally.add('PostgreSQL killed and restarted');
      case 'cut':
        return this.tally.add(await cutConnections(database, random));
      case 'deadlock':
        return this.tally.add(await forceDeadlock(database, random));
      case 'sql':
        return this.tally.add(await failStatements(database, fault.code ?? '40001', random));
    }
  }
}

/** The points at which a process may be paused before its next kill. */
export function pointsAhead(faults: readonly InstanceFault[]): string[] {
  const end = faults.findIndex((fault) => ['kill', 'kill-at', 'terminate'].includes(fault.kind));
  const life = end < 0 ? faults : faults.slice(0, end + 1);
  return life.flatMap((fault) => fault.point ?? []);
}
