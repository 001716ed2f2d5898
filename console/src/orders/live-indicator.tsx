import { liveState } from '../api/live.ts';
import { useStore } from '../ui/store.ts';

const TEXTS = {
  live: ['Live', 'New orders and changes appear automatically.'],
  connecting: ['Connecting …', 'Changes made now appear once the connection is back.'],
  offline: ['Offline', 'You are offline. What is shown may be out of date.'],
  refused: [
    'Not live',
    'The service has too many live connections. The list refreshes every 15 seconds until one is free.',
  ],
  polling: ['Every 15 s', 'Live updates are not available. The list refreshes every 15 seconds.'],
} as const;

export function LiveIndicator() {
  const state = useStore(liveState);
  const [text, explanation] = TEXTS[state];
  return (
    <span className={`live live-${state}`} title={explanation}>
      {text}
    </span>
  );
}
