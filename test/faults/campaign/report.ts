import { writeFile } from 'node:fs/promises';
import { placements } from '../clients/record.ts';
import { tellStory } from '../verdict/story.ts';
import { PROMISES, type PromiseName, type Violation } from '../verdict/violation.ts';
import type { CampaignResult } from './campaign.ts';
import { commandOf } from './options.ts';

/** Number of violations of a promise that are printed in full; the others are counted. */
const STORIES = 3;

function countAnswers({ evidence }: CampaignResult): [string, number][] {
  const counts = new Map<string, number>();
  for (const record of evidence.records) {
    const places = record.told.map((told) => `POST ${told.status ?? 'no answer'}`);
    const changes = record.changes.flatMap((change) =>
      change.told.map((told) => `PUT ${told.status ?? 'no answer'}`),
    );
    const looks = record.polls.map((poll) => `GET ${poll.status ?? 'no answer'}`);
    const holds = (record.hold?.requests ?? []).flatMap(({ kind, told }) =>
      told.map(({ status }) => `POST ${kind} ${status ?? 'no answer'}`),
    );
    for (const name of [...places, ...changes, ...looks, ...holds])
      counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function countStatuses({ evidence }: CampaignResult): Record<string, number> {
  const byStatus = Map.groupBy(evidence.orders.values(), ({ status }) => status);
  const counts = [...byStatus].map(([status, orders]) => [status, orders.length] as const);
  return Object.fromEntries(counts.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Orders that have lost their stock to others when they were confirmed. */
function countPaidWithoutStock({ evidence }: CampaignResult): number {
  const histories = [...evidence.events.values()];
  return histories.filter((events) => events.some(({ type }) => type === 'paid_without_stock')).length;
}

/** The figures of a campaign. */
export function summarise(result: CampaignResult) {
  const { evidence, verdict, injected, attackSeconds, drainSeconds } = result;
  const placed = evidence.records.filter((record) => placements(record).length > 0).length;
  const of = (promise: PromiseName): number =>
    verdict.violations.filter((violation) => violation.promise === promise).length;
  return {
    command: commandOf(result.options),
    seed: result.options.seed,
    inventory: result.options.inventory,
    orders: evidence.records.length,
    placed,
    statuses: countStatuses(result),
    stored: evidence.orders.size,
    kills: injected.total('SIGKILL'),
    faults: injected.total(),
    injected: Object.fromEntries(injected.sorted()),
    answers: Object.fromEntries(countAnswers(result)),
    reached: [...result.reached.keys()].toSorted(),
    attackSeconds: Math.round(attackSeconds),
    drainSeconds: Math.round(drainSeconds),
    ordersPerSecond: Math.round(evidence.records.length / attackSeconds),
    inDoubt: verdict.inDoubt.length,
    paidWithoutStock: countPaidWithoutStock(result),
    violations: Object.fromEntries((Object.keys(PROMISES) as PromiseName[]).map((name) => [name, of(name)])),
    messages: verdict.violations.map(({ promise, what, orderId }) => `${promise} ${orderId ?? ''} ${what}`),
  };
}

function tellViolations(result: CampaignResult, say: (line: string) => void): void {
  const byPromise = Map.groupBy(result.verdict.violations, (violation: Violation) => violation.promise);
  for (const [promise, violations] of byPromise) {
    for (const violation of violations.slice(0, STORIES)) {
      say(`\n${promise} broken: ${violation.what}`);
      say(tellStory(result.evidence, violation));
    }
    if (violations.length > STORIES) say(`\n${promise}: ${violations.length - STORIES} more`);
  }
  say(`\nLogs: ${result.folder}`);
  say(`To repeat it: ${commandOf(result.options)}`);
}

/** Prints the faults, the responses and the verdict. @returns whether every promise was kept */
export async function report(result: CampaignResult, say: (line: string) => void): Promise<boolean> {
  const summary = summarise(result);
  say('\ninjected:');
  for (const [name, count] of result.injected.sorted()) say(`  ${String(count).padStart(7)}  ${name}`);
  say('\nresponses to the clients:');
  for (const [name, count] of countAnswers(result)) say(`  ${String(count).padStart(7)}  ${name}`);
  say(
    `\n${summary.orders} orders (${summary.placed} placed) in ${summary.attackSeconds} s, ` +
      `${summary.ordersPerSecond} a second; all work finished ${summary.drainSeconds} s later`,
  );
  const statuses = Object.entries(summary.statuses).map(([status, count]) => `${count} ${status}`);
  say(`${statuses.join(', ')}; ${summary.paidWithoutStock} of those confirmed too late have no stock`);
  say(
    `seed ${summary.seed}, inventory ${summary.inventory}, ${summary.kills} kills, ${summary.faults} faults in total`,
  );
  if (summary.inDoubt > 0)
    say(`${summary.inDoubt} lines are in doubt and wait for a person; the stock adds up`);
  for (const [name, meaning] of Object.entries(PROMISES)) {
    const count = summary.violations[name] ?? 0;
    say(`  ${name.padEnd(5)} ${meaning.padEnd(16)} ${count === 0 ? 'kept' : `BROKEN ${count} times`}`);
  }
  const isKept = result.verdict.violations.length === 0;
  if (!isKept) tellViolations(result, say);
  if (result.options.report !== undefined) {
    await writeFile(result.options.report, JSON.stringify(summary, null, 2));
  }
  return isKept;
}
