import { useSyncExternalStore } from 'react';
import { serverNow } from './server-clock.ts';

/** Shorter than a second, so that no second is skipped. The page is drawn only when the figure changes. */
const CHECK_MS = 250;

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

function watchSeconds(listener: () => void): () => void {
  const timer = setInterval(listener, CHECK_MS);
  return () => clearInterval(timer);
}

/** Whole seconds until an instant; 0 once it has passed. */
export function useSecondsUntil(at: string): number {
  return useSyncExternalStore(watchSeconds, () =>
    Math.max(0, Math.ceil((Date.parse(at) - serverNow()) / 1_000)),
  );
}

/** As in `00:14:59` and `2 d 23:59:59`: the figures keep their places while they count down. */
export function formatCountdown(seconds: number): string {
  const days = Math.floor(seconds / DAY_S);
  const parts = [
    Math.floor((seconds % DAY_S) / HOUR_S),
    Math.floor((seconds % HOUR_S) / MINUTE_S),
    seconds % MINUTE_S,
  ];
  const clock = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return days > 0 ? `${days} d ${clock}` : clock;
}

/** Screen readers read it where it is looked for, and not each second. */
export function Countdown({ seconds }: { seconds: number }) {
  return (
    <span role="timer" className="countdown">
      {formatCountdown(seconds)}
    </span>
  );
}
