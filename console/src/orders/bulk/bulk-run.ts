import { useRef, useState } from 'react';
import { sendBulk } from './send-bulk.ts';
import { queryClient } from '../../api/query-client.ts';
import { isOutcomeUnknown } from '../../api/problem.ts';
import type { BulkResult, Order } from '../../api/types.ts';
import { announce } from '../../ui/announcer.tsx';
import type { StatusChoice } from '../../order/status-form.tsx';

/** Orders in one request: few enough to show progress and to stop in between, many enough to be quick. */
const CHUNK = 100;

export interface BulkProgress {
  state: 'running' | 'stopped' | 'failed' | 'done';
  total: number;
  results: BulkResult[];
  /** Why it could not go on. */
  error?: unknown;
  /** How many orders may or may not have been changed: they were sent, and no answer arrived. */
  uncertain: number;
}

export interface BulkRun {
  progress: BulkProgress | null;
  start: (orders: readonly Order[], choice: StatusChoice) => Promise<void>;
  stop: () => void;
}

/** Sets the status of many orders, chunk by chunk, and keeps what became of each. */
export function useBulkRun(): BulkRun {
  const [progress, setProgress] = useState<BulkProgress | null>(null);
  const isStopped = useRef(false);
  const start = async (orders: readonly Order[], choice: StatusChoice): Promise<void> => {
    isStopped.current = false;
    let now: BulkProgress = { state: 'running', total: orders.length, results: [], uncertain: 0 };
    const show = (change: Partial<BulkProgress>): void => {
      now = { ...now, ...change };
      setProgress(now);
    };
    show({});
    let chunk: readonly Order[] = [];
    try {
      for (let first = 0; first < orders.length && !isStopped.current; first += CHUNK) {
        chunk = orders.slice(first, first + CHUNK);
        const { results } = await sendBulk(chunk, choice);
        show({ results: [...now.results, ...results] });
      }
      show({ state: now.results.length < orders.length ? 'stopped' : 'done' });
    } catch (error) {
      show({ state: 'failed', error, uncertain: isOutcomeUnknown(error) ? chunk.length : 0 });
    }
    announce(`${countOf(now.results, 'changed')} of ${orders.length} orders changed`);
    await queryClient.invalidateQueries();
  };
  return {
    progress,
    start,
    stop: () => {
      isStopped.current = true;
    },
  };
}

export function countOf(results: readonly BulkResult[], outcome: BulkResult['outcome']): number {
  return results.filter((result) => result.outcome === outcome).length;
}
