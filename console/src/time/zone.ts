const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  return format;
}

/** What a clock in a zone shows. */
export interface WallTime {
  /** As in `2026-01-31`. */
  date: string;
  /** As in `23:59:58`. */
  time: string;
}

export function wallTime(instant: Date | string, zone: string): WallTime {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(new Date(instant))
      .map(({ type, value }) => [type, value]),
  );
  const part = (name: Intl.DateTimeFormatPartTypes): string => parts.get(name) ?? '';
  return {
    date: `${part('year').padStart('yyyy'.length, '0')}-${part('month')}-${part('day')}`,
    time: `${part('hour')}:${part('minute')}:${part('second')}`,
  };
}

function asUtc({ date, time }: WallTime): number {
  return Date.parse(`${date}T${time}Z`);
}

const DAY_MS = 86_400_000;

/** By how much clocks in the zone are ahead of UTC at an instant, in milliseconds. */
function offsetAt(instant: number, zone: string): number {
  return asUtc(wallTime(new Date(instant), zone)) - instant;
}

/**
 * The instant at which a clock in the zone shows a time, as in `2026-01-31T12:00`. A time that occurs twice, because
 * clocks are turned back, is the first of the two. A time that is skipped, because clocks are put forward, is read with
 * the offset before the change, so that it falls behind the gap. This is what Temporal calls `compatible`.
 */
export function instantOf(text: string, zone: string): Date {
  const wanted = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  // No zone changes its offset twice within two days.
  const before = wanted - offsetAt(wanted - DAY_MS, zone);
  const after = wanted - offsetAt(wanted + DAY_MS, zone);
  const isShown = (instant: number): boolean => asUtc(wallTime(new Date(instant), zone)) === wanted;
  return new Date([before, after].find(isShown) ?? before);
}

/** The first instant of a day in the zone: today, or so many days before it. */
export function startOfDay(daysAgo: number, zone: string, now = new Date()): Date {
  const today = new Date(`${wallTime(now, zone).date}T00:00:00Z`);
  const day = new Date(today.getTime() - daysAgo * DAY_MS).toISOString().slice(0, 10);
  return instantOf(`${day}T00:00:00`, zone);
}

/** As in `2026-01-31 23:59:58`, without the day where it is today. */
export function formatTime(instant: string, zone: string, now = new Date()): string {
  const { date, time } = wallTime(instant, zone);
  return date === wallTime(now, zone).date ? time : `${date} ${time}`;
}

/** With the day and the zone in any case. */
export function formatFully(instant: string, zone: string): string {
  const { date, time } = wallTime(instant, zone);
  return `${date} ${time} ${zone}`;
}

const UNITS: [string, number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
];

/** As in `3 h`, `12 min`, `8 s`. */
export function formatDuration(seconds: number): string {
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}
