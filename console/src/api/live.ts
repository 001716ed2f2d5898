import { EventSource } from 'eventsource';
import { Store } from '../ui/store.ts';
import { fetchRaw } from './client.ts';
import { mayPass } from './problem.ts';
import type { OrderChange } from './types.ts';

/** How the page learns of changes: as they happen, by polling, or not at the moment. */
export type LiveState = 'connecting' | 'live' | 'polling' | 'offline';

export const liveState = new Store<LiveState>('connecting');

/** The service sends something at least every 15 seconds; without anything for this long the line is dead. */
const SILENCE_MS = 20_000;

/** The service ends every stream now and then to look at the credentials again, of which nobody needs to be told. */
const UNNOTICED_MS = 1_500;

export interface Listener {
  onChange(change: OrderChange): void;
  /** What was missed can't be told any more: read everything anew. */
  onReset(): void;
  /** The service answers, possibly after a time in which it did not. */
  onOpen(): void;
}

/**
 * Listens to changes of orders. A connection that is lost is made again by the library, which says to the service what
 * it has seen last, so that nothing is missed.
 *
 * @returns how to stop
 */
export function listen(listener: Listener): () => void {
  let notice: ReturnType<typeof setTimeout> | undefined;
  let refusal: unknown;
  const open = async (url: string | URL, init: RequestInit): Promise<Response> => {
    refusal = undefined;
    try {
      const response = await fetchRaw(String(url), init);
      return new Response(response.body?.pipeThrough(endingInSilence()), response);
    } catch (error) {
      refusal = error;
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

/** Passes on what comes, and fails when nothing comes any more, as on a line that was cut somewhere on the way. */
function endingInSilence(): TransformStream<Uint8Array, Uint8Array> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const listenOn = (controller: TransformStreamDefaultController<Uint8Array>): void => {
    clearTimeout(silence);
    silence = setTimeout(() => controller.error(new Error('nothing came any more')), SILENCE_MS);
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
