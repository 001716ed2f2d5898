import { liveState } from '../api/live.ts';
import { useStore } from '../ui/store.ts';

const TEXTS = {
  live: ['Live', 'New orders and changes appear by themselves.'],
  connecting: ['Connecting …', 'Changes that are missed now will be shown once the connection is back.'],
  offline: ['Offline', 'There is no network, so what is shown may be old.'],
  refused: [
    'Not live',
    'The service has no room for another live page now. The list is read every 15 seconds until it has.',
  ],
  polling: [
    'Every 15 s',
    'Changes do not come by themselves here, so the list is read anew every 15 seconds.',
  ],
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
