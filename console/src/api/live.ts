import { EventSource } from 'eventsource';
import { Store } from '../ui/store.ts';
import { fetchRaw } from './client.ts';
import { isRefusedForNow, mayPass } from './problem.ts';
import type { OrderChange } from './types.ts';

/** How the page learns of changes: as they happen, by polling, by polling until there is room for it, or not at the moment. */
export type LiveState = 'connecting' | 'live' | 'polling' | 'refused' | 'offline';

export const liveState = new Store<LiveState>('connecting');

/** The service sends something at least every 15 seconds; without anything for this long the line is dead. */
const SILENCE_MS = 20_000;

/** A service that restarts ends its streams; a quick reconnect to another instance is not shown. */
const UNNOTICED_MS = 1_500;

/** The first and the longest pause before a stream that was refused is asked for again; each is twice the one before. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;

export interface Listener {
  onChange(change: OrderChange): void;
  /** Events were missed and can't be replayed: refresh everything. */
  onReset(): void;
  /** The service answers, possibly after a time in which it did not. */
  onOpen(): void;
}

/**
 * Listens to changes of orders. The library reconnects with the id of the last event, so that no event is missed.
 *
 * @returns a function that stops it
 */
export function listen(listener: Listener): () => void {
  let notice: ReturnType<typeof setTimeout> | undefined;
  let refusal: unknown;
  let pauseMs = 0;
  const open = async (url: string | URL, init: RequestInit): Promise<Response> => {
    refusal = undefined;
    try {
      if (pauseMs > 0) await pause(pauseMs, init.signal);
      const response = await fetchRaw(String(url), init);
      pauseMs = 0;
      return new Response(response.body?.pipeThrough(endingInSilence()), response);
    } catch (error) {
      refusal = error;
      if (isRefusedForNow(error)) pauseMs = nextPause(pauseMs, error.retryAfterMs);
      throw error;
    }
  };
  const source = new EventSource(new URL('/orders/stream', window.location.origin), { fetch: open });
  source.addEventListener('open', () => {
    clearTimeout(notice);
    notice = undefined;
    liveState.set('live');
    listener.onOpen();
  });
  const unwatch = watchNetwork(source);
  source.addEventListener('change', ({ data }) => listener.onChange(JSON.parse(String(data)) as OrderChange));
  source.addEventListener('reset', () => listener.onReset());
  source.addEventListener('error', () => {
    if (refusal !== undefined && !mayPass(refusal)) {
      source.close();
      liveState.set('polling');
      return;
    }
    if (isRefusedForNow(refusal) && navigator.onLine) {
      clearTimeout(notice);
      notice = undefined;
      liveState.set('refused');
      return;
    }
    notice ??= setTimeout(() => {
      if (navigator.onLine) liveState.set('connecting');
    }, UNNOTICED_MS);
  });
  return () => {
    clearTimeout(notice);
    unwatch();
    source.close();
  };
}

/** With a random part, so that pages that were refused together do not come back together. */
function nextPause(lastMs: number, retryAfterMs: number): number {
  const doubled = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * lastMs));
  return Math.max(retryAfterMs, doubled * (0.75 + Math.random() / 4));
}

/** Waits, or fails when it is not wanted any more. */
function pause(milliseconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('The stream was closed', 'AbortError'));
    });
  });
}

function onOffline(): void {
  liveState.set('offline');
}

/** Follows the browser's own knowledge of the network, which is quicker than a stream that falls silent. */
function watchNetwork(source: EventSource): () => void {
  const onOnline = (): void => {
    // A stream that is closed for good was refused, and polling took its place.
    if (source.readyState === EventSource.CLOSED) liveState.set('polling');
    else liveState.set(source.readyState === EventSource.OPEN ? 'live' : 'connecting');
  };
  window.addEventListener('offline', onOffline);
  window.addEventListener('online', onOnline);
  if (!navigator.onLine) onOffline();
  return () => {
    window.removeEventListener('offline', onOffline);
    window.removeEventListener('online', onOnline);
  };
}

/** Passes chunks on, and fails when none arrive any more, as on a broken connection. */
function endingInSilence(): TransformStream<Uint8Array, Uint8Array> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const listenOn = (controller: TransformStreamDefaultController<Uint8Array>): void => {
    clearTimeout(silence);
    silence = setTimeout(() => controller.error(new Error('the stream went silent')), SILENCE_MS);
  };
  return new TransformStream({
    start: listenOn,
    transform(chunk, controller) {
      listenOn(controller);
      controller.enqueue(chunk);
    },
    flush: () => clearTimeout(silence),
  });
}
