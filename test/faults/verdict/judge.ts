import { judgeClients } from './clients.ts';
import { type Evidence, LIVE } from './evidence.ts';
import { judgeFeed } from './feed.ts';
import { judgeHistory } from './history.ts';
import { isTaskOfHold, judgeHolds } from './holds.ts';
import { judgeStock } from './stock.ts';
import type { Verdict, Violation } from './violation.ts';
import { judgeWebhooks } from './webhooks.ts';

/** Keys begin with the id of an order. */
const ID_LENGTH = 36;

/** P4: after the last fault, all work completes by itself. */
function judgeRest(evidence: Evidence): Violation[] {
  const { orders, items, tasks, movements, collapses, inventory } = evidence;
  const violations: Violation[] = [];
  for (const order of orders.values()) {
    const fault = (what: string): void => {
      violations.push({ promise: 'P4', what, orderId: order.id });
    };
    if (order.status === 'pending') fault('the order is still pending, past the recovery window');
    if (LIVE.has(order.status)) continue;
    for (const { line, reservation } of items.get(order.id) ?? []) {
      const mayStayInDoubt = inventory === 'plain' && reservation === 'in_doubt';
      if (reservation !== 'released' && !mayStayInDoubt)
        fault(`the order is ${order.status}, line ${line} is ${reservation}`);
    }
  }
  for (const task of tasks) {
    if (isTaskOfHold(task, evidence)) continue;
    const { kind, state, orderId, attempts } = task;
    const what = `a task of kind ${kind} is left: ${state} after ${attempts} attempts`;
    violations.push({ promise: 'P4', what, orderId });
  }
  for (const { key, productId, state } of movements) {
    violations.push({
      promise: 'P4',
      what: `${key} on ${productId} is ${state}`,
      orderId: key.slice(0, ID_LENGTH),
    });
  }
  for (const what of collapses) violations.push({ promise: 'other', what });
  return violations;
}

/** Decides from the evidence alone which promises were kept. */
export function judge(evidence: Evidence): Verdict {
  const stock = judgeStock(evidence);
  const violations = [
    ...judgeClients(evidence),
    ...judgeHolds(evidence),
    ...stock.violations,
    ...judgeHistory(evidence),
    ...judgeFeed(evidence),
    ...judgeWebhooks(evidence),
    ...judgeRest(evidence),
  ];
  return { violations, inDoubt: stock.inDoubt };
}
