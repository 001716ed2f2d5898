import { readFileSync } from 'node:fs';

/**
 * Processor time of the event loop of a process so far, in milliseconds: its main thread, without the threads for
 * garbage collection and compression. Unlike wall time it does not grow while other programs use the machine. Linux
 * only (proc(5), schedstat); 0 elsewhere, so that budgets are not checked there.
 */
export function processorTimeOf(pid: number): number {
  if (process.platform !== 'linux') return 0;
  const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}
