import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'wouter';
import type { Figures } from '../api/types.ts';
import { ProblemBox } from '../ui/problem-box.tsx';
import { formatDuration } from '../time/zone.ts';
import { Bars } from './bars.tsx';
import { figuresQuery, type Window, WINDOWS } from './figures.query.ts';
import { OrdersChart } from './orders-chart.tsx';
import { useProblemTitle } from '../api/problem-titles.ts';

export function HealthPage() {
  const [params, setParams] = useSearchParams();
  const window = params.get('window') === 'day' ? 'day' : 'hour';
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery({
    ...figuresQuery(window),
    placeholderData: keepPreviousData,
  });
  return (
    <div className="page">
      <title>Health</title>
      <header className="page-header">
        <h1>Health</h1>
        <span className="spacer" />
        <fieldset className="segments">
          <legend className="visually-hidden">Time</legend>
          {(Object.entries(WINDOWS) as [Window, string][]).map(([name, text]) => (
            <button
              key={name}
              type="button"
              className="button"
              aria-pressed={name === window}
              onClick={() => setParams({ window: name })}
            >
              {text}
            </button>
          ))}
        </fieldset>
      </header>
      {error && <ProblemBox error={error} onRetry={() => void refetch()} />}
      {isPending && <p className="muted loading">Loading the figures …</p>}
      {data && (
        <div className={isPlaceholderData ? 'stale' : undefined} inert={isPlaceholderData}>
          <FiguresView figures={data} window={window} />
        </div>
      )}
    </div>
  );
}

function FiguresView({ figures, window }: { figures: Figures; window: Window }) {
  const titleOf = useProblemTitle();
  const sum = (name: 'placed' | 'confirmed' | 'rejected' | 'failed'): number =>
    figures.points.reduce((total, point) => total + point[name], 0);
  const shown = (count: number): string => `${figures.is_estimate ? '≈ ' : ''}${count.toLocaleString('en')}`;
  const { time_to_confirm_ms: time, notification_backlog: backlog } = figures;
  return (
    <>
      <Upstreams upstreams={figures.upstreams} />
      <dl className="cards">
        <Card name="Placed" value={shown(sum('placed'))} />
        <Card name="Rejected or failed" value={shown(sum('rejected') + sum('failed'))} />
        <Card name="Time to confirm (median)" value={milliseconds(time.p50)} />
        <Card name="Time to confirm (p95)" value={milliseconds(time.p95)} />
        <Card
          name="Messages waiting"
          value={backlog.waiting.toLocaleString('en')}
          note={
            backlog.waiting > 0 && backlog.oldest_seconds !== null
              ? `the oldest for ${formatDuration(backlog.oldest_seconds)}`
              : ''
          }
        />
        <Card
          name="Messages failed"
          value={backlog.failed.toLocaleString('en')}
          note={backlog.failed > 0 ? <Link href="/incidents">View incidents</Link> : ''}
        />
      </dl>
      <Holds figures={figures} window={window} format={shown} />
      {figures.is_estimate && (
        <p className="muted">These figures are estimated from a sample of the orders.</p>
      )}
      <OrdersChart figures={figures} />
      <div className="halves">
        <Bars
          title="Orders by status"
          entries={Object.entries(figures.by_status).map(([status, count]) => ({
            name: status,
            count,
            // The same orders as are counted here, not those of any time.
            href: `/orders?${new URLSearchParams({ status, window })}`,
          }))}
          none="No orders."
          format={shown}
        />
        <Bars
          title="Rejected, by reason"
          entries={figures.rejected_by_reason.map(({ reason, count }) => ({ name: titleOf(reason), count }))}
          none="No orders were rejected."
          format={shown}
        />
      </div>
    </>
  );
}

interface HoldsProps {
  figures: Figures;
  window: Window;
  format: (count: number) => string;
}

/** How many orders whose stock was held were paid. Nothing in a shop that holds none. */
function Holds({ figures: { holds }, window, format }: HoldsProps) {
  const { reserved, confirmed, expired, cancelled } = holds;
  const ended = confirmed + expired + cancelled;
  if (reserved + ended === 0) return null;
  const orders = `/orders?${new URLSearchParams({ status: 'reserved', window })}`;
  return (
    <section aria-labelledby="holds">
      <h2 id="holds">Holds of the orders placed in this time</h2>
      <dl className="cards">
        <Card
          name="Awaiting payment"
          value={format(reserved)}
          note={reserved > 0 ? <Link href={orders}>View orders</Link> : ''}
        />
        <Card
          name="Confirmed"
          value={percent(holds.conversion)}
          note={`${format(confirmed)} of ${format(ended)} ended`}
        />
        <Card
          name="Expired"
          value={percent(holds.expired_share)}
          note={`${format(expired)} of ${format(ended)} ended`}
        />
        <Card name="Cancelled" value={format(cancelled)} />
      </dl>
    </section>
  );
}

/** As in `80 %`. @param share null where nothing has ended */
function percent(share: number | null): string {
  return share === null ? '—' : `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
}

function milliseconds(value: number | null): string {
  if (value === null) return '—';
  return value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
}

function Card({ name, value, note }: { name: string; value: string; note?: React.ReactNode }) {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd>
        {value} {note && <span className="muted note">{note}</span>}
      </dd>
    </div>
  );
}

/** What is known of a service: that calls are sent to it does not mean that they succeed. */
function describeUpstream({
  state,
  last_call: lastCall,
}: Figures['upstreams'][number]): [text: string, look: string] {
  if (state === 'down') return ['does not respond', 'down'];
  if (state === 'trying') return ['is being retried', 'trying'];
  if (lastCall === null) return ['has not been called yet', 'unknown'];
  return lastCall === 'failed' ? ['failed on the last call', 'trying'] : ['responds', 'up'];
}

function Upstreams({ upstreams }: { upstreams: Figures['upstreams'] }) {
  return (
    <ul className="upstreams" aria-label="Other services">
      {upstreams.map((upstream) => {
        const [text, look] = describeUpstream(upstream);
        return (
          <li key={upstream.name} className={`upstream-${look}`}>
            {upstream.name} {text}
          </li>
        );
      })}
    </ul>
  );
}
