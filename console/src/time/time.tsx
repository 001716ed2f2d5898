import { useToday, useZone } from './use-zone.ts';
import { formatFully, formatTime, wallTime } from './zone.ts';

/** An instant in the viewer's zone. The day is left out where it is today, except on paper. */
export function Time({ at }: { at: string }) {
  const zone = useZone();
  const { date } = wallTime(at, zone);
  const isToday = date === useToday(zone);
  return (
    <time dateTime={at} title={formatFully(at, zone)} data-print-date={isToday ? date : undefined}>
      {formatTime(at, zone)}
    </time>
  );
}
