import { useZone } from './use-zone.ts';
import { formatFully, formatTime } from './zone.ts';

/** An instant in the viewer's zone; the whole of it, with the zone, is its title. */
export function Time({ at }: { at: string }) {
  const zone = useZone();
  return (
    <time dateTime={at} title={formatFully(at, zone)}>
      {formatTime(at, zone)}
    </time>
  );
}
