import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Figures } from '../api/types.ts';
import { preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';
import { useZone } from '../time/use-zone.ts';
import { wallTime } from '../time/zone.ts';

const SERIES = ['placed', 'confirmed', 'rejected', 'failed'] as const;

const HEIGHT = 220;
const MINUTE_S = 60;

/** Orders a minute over time; the numbers are in the table below, for those who can't see lines. */
export function OrdersChart({ figures }: { figures: Figures }) {
  const zone = useZone();
  const { theme } = useStore(preferences);
  return (
    <section aria-labelledby="per-minute">
      <h2 id="per-minute">Orders a minute</h2>
      <Lines key={`${zone} ${theme}`} figures={figures} zone={zone} />
      <NumbersTable figures={figures} />
    </section>
  );
}

/** Redrawn when the zone or the theme changes. */
function Lines({ figures, zone }: { figures: Figures; zone: string }) {
  const box = useRef<HTMLElement>(null);
  const plot = useRef<UPlot>(null);
  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const made = new UPlot(options(place, zone), [[]], place);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: HEIGHT }));
    observer.observe(place);
    const system = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => made.redraw();
    system.addEventListener('change', redraw);
    return () => {
      observer.disconnect();
      system.removeEventListener('change', redraw);
      made.destroy();
    };
  }, [zone]);
  useEffect(() => plot.current?.setData(toData(figures)), [figures]);
  return <figure ref={box} className="chart" aria-label={`Orders a minute, ${summary(figures)}`} />;
}

function perMinute(count: number, { step_seconds: step }: Figures): number {
  return (count * MINUTE_S) / step;
}

function toData(figures: Figures): UPlot.AlignedData {
  return [
    figures.points.map(({ time }) => Date.parse(time) / 1_000),
    ...SERIES.map((name) => figures.points.map((point) => perMinute(point[name], figures))),
  ];
}

function summary({ points }: Figures): string {
  return SERIES.map((name) => `${points.reduce((sum, point) => sum + point[name], 0)} ${name}`).join(', ');
}

/** What a clock in the zone shows. @param seconds since 1970 */
function clock(seconds: number, zone: string): string {
  return wallTime(new Date(seconds * 1_000), zone).time;
}

/** Colours are the page's, asked for when it is drawn, since they change with the theme. */
function colour(place: Element, name: string): () => string {
  return () => getComputedStyle(place).getPropertyValue(name).trim();
}

const MIN_AXIS_PX = 44;
/** The widest digit of the axis' font, and the room for tick and gap. */
const DIGIT_PX = 8;
const AXIS_GAP_PX = 16;

/** Room for the longest label, which would be cut off at its first digits. @param labels null before the first draw */
function axisSize(labels: readonly string[] | null): number {
  const longest = Math.max(0, ...(labels ?? []).map(({ length }) => length));
  return Math.max(MIN_AXIS_PX, AXIS_GAP_PX + DIGIT_PX * longest);
}

function options(place: HTMLElement, zone: string): UPlot.Options {
  const axis: UPlot.Axis = {
    stroke: colour(place, '--muted'),
    grid: { stroke: colour(place, '--border'), width: 1 },
    ticks: { stroke: colour(place, '--border'), width: 1 },
    font: '12px system-ui',
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => {
      const { date, time } = wallTime(new Date(seconds * 1_000), zone);
      return new Date(`${date}T${time}`);
    },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: (_plot, times) => times.map((seconds) => clock(seconds, zone).slice(0, 5)) },
      { ...axis, size: (_plot, labels) => axisSize(labels) },
    ],
    cursor: { drag: { x: false, y: false } },
    series: [
      {
        value: (_plot, seconds) => (seconds === null ? '—' : clock(seconds, zone)),
      },
      ...SERIES.map((name) => ({
        label: name,
        stroke: colour(place, `--series-${name}`),
        width: 2,
        points: { show: false },
        value: (_plot: UPlot, value: number | null) => (value === null ? '—' : value.toFixed(1)),
      })),
    ],
  };
}

function NumbersTable({ figures }: { figures: Figures }) {
  const zone = useZone();
  return (
    <details>
      <summary className="muted">As a table</summary>
      <section className="scroll" tabIndex={0} aria-label="Numbers of the chart">
        <table className="list compact">
          <thead>
            <tr>
              <th scope="col">From</th>
              {SERIES.map((name) => (
                <th key={name} scope="col" className="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {figures.points.toReversed().map((point) => (
              <tr key={point.time}>
                <th scope="row">{wallTime(point.time, zone).time}</th>
                {SERIES.map((name) => (
                  <td key={name} className="number">
                    {point[name]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
