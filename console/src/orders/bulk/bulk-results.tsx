import { Link } from 'wouter';
import type { BulkResult } from '../../api/types.ts';
import { ProblemBox } from '../../ui/problem-box.tsx';
import { type BulkProgress, countOf } from './bulk-run.ts';

interface Props {
  progress: BulkProgress;
  onStop: () => void;
  onClose: () => void;
}

const STATES = {
  running: 'In progress',
  stopped: 'Stopped',
  failed: 'Stopped by an error',
  done: 'Done',
} as const;

export function BulkResults({ progress, onStop, onClose }: Props) {
  const { results, total, state, error } = progress;
  // Results that need attention come first.
  const sorted = results.toSorted((one, other) => rank(one) - rank(other));
  return (
    <div className="bulk-results">
      <label className="bulk-progress">
        <span>
          {STATES[state]}: {results.length} of {total}
        </span>
        <progress max={total} value={results.length} />
      </label>
      <output>
        {countOf(results, 'changed')} changed, {countOf(results, 'unchanged')} already had it,{' '}
        {countOf(results, 'refused')} refused
      </output>
      {state === 'failed' && <ProblemBox error={error} purpose="change" advice={adviceFor(progress)} />}
      {state === 'stopped' && <p>{adviceFor(progress)}</p>}
      <section className="bulk-list" tabIndex={0} aria-label="Result of each order">
        <table className="list compact">
          <thead>
            <tr>
              <th scope="col">Order</th>
              <th scope="col">Result</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((result) => (
              <tr key={result.order_id} className={`outcome-${result.outcome}`}>
                <td>
                  <Link href={`/orders/${result.order_id}`} className="mono" onClick={onClose}>
                    {result.order_id}
                  </Link>
                </td>
                <td>{describe(result)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div className="dialog-actions">
        {state === 'running' ? (
          <button key="stop" type="button" className="button" onClick={onStop}>
            Stop
          </button>
        ) : (
          // Another button than "Stop", so that it gets the focus.
          <button key="close" type="button" className="button button-primary" autoFocus onClick={onClose}>
            Close
          </button>
        )}
      </div>
    </div>
  );
}

/** What became of the orders without a result. */
function adviceFor({ total, results, uncertain }: BulkProgress): string | undefined {
  if (results.length === 0 && uncertain === 0) return undefined;
  const untouched = total - results.length - uncertain;
  return [
    ...(uncertain > 0
      ? [`${orders(uncertain)} may or may not have been changed. Trying again is safe.`]
      : []),
    ...(untouched > 0
      ? [`The other ${orders(untouched)} ${untouched === 1 ? 'was' : 'were'} not changed.`]
      : []),
    'They are still selected.',
  ].join(' ');
}

function orders(count: number): string {
  return `${count} ${count === 1 ? 'order' : 'orders'}`;
}

function rank({ outcome }: BulkResult): number {
  return ['refused', 'unchanged', 'changed'].indexOf(outcome);
}

function describe({ outcome, status, problem }: BulkResult): string {
  if (outcome === 'refused') return `Refused: ${problem?.detail ?? 'no reason given'}`;
  return outcome === 'changed' ? `Now ${status}` : `Already ${status}`;
}
