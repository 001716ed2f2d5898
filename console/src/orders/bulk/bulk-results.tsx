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
  running: 'Under way',
  stopped: 'Stopped; the others were not touched',
  failed: 'It could not go on; what is not listed may or may not have been changed',
  done: 'Done',
} as const;

export function BulkResults({ progress, onStop, onClose }: Props) {
  const { results, total, state, error } = progress;
  // What needs a look comes first.
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
        {countOf(results, 'changed')} changed, {countOf(results, 'unchanged')} had it already,{' '}
        {countOf(results, 'refused')} refused
      </output>
      {state === 'failed' && <ProblemBox error={error} isChange />}
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
          <button type="button" className="button" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="button" className="button button-primary" autoFocus onClick={onClose}>
            Close
          </button>
        )}
      </div>
    </div>
  );
}

function rank({ outcome }: BulkResult): number {
  return ['refused', 'unchanged', 'changed'].indexOf(outcome);
}

function describe({ outcome, status, problem }: BulkResult): string {
  if (outcome === 'refused') return `Refused: ${problem?.detail ?? 'the service did not say why'}`;
  return outcome === 'changed' ? `Now ${status}` : `Was ${status} already`;
}
