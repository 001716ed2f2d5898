import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { ORDER_STATUS_NAMES } from '../api/transitions.ts';
import type { OrderStatus } from '../api/types.ts';
import { useShortcuts } from '../ui/shortcuts.ts';
import { useZone } from '../time/use-zone.ts';
import { instantOf, wallTime } from '../time/zone.ts';
import { isFiltered, isReversed, type OrderFilter, type Window, WINDOWS } from './order-filter.ts';

/** The service is not asked for every letter of a word. */
const PAUSE_MS = 250;

interface Props {
  filter: OrderFilter;
  onChange: (change: Partial<OrderFilter>) => void;
}

export function FilterBar({ filter, onChange }: Props) {
  return (
    <search className="filters">
      <SearchBox text={filter.q} onChange={(q) => onChange({ q })} />
      <label>
        <span className="visually-hidden">Status</span>
        <select
          value={filter.status ?? ''}
          onChange={(event) => onChange({ status: (event.target.value || null) as OrderStatus | null })}
        >
          <option value="">Any status</option>
          {ORDER_STATUS_NAMES.map((status) => (
            <option key={status}>{status}</option>
          ))}
        </select>
      </label>
      <label>
        <span className="visually-hidden">Placed</span>
        <select
          value={filter.window}
          onChange={(event) => onChange({ window: event.target.value as Window })}
        >
          {Object.entries(WINDOWS).map(([window, name]) => (
            <option key={window} value={window}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {filter.window === 'custom' && <CustomWindow filter={filter} onChange={onChange} />}
      {filter.unreadable.length > 0 && (
        <p className="notice" role="alert">
          The address has parts that can not be read, so they are ignored: {filter.unreadable.join(', ')}
        </p>
      )}
      {isFiltered(filter) && (
        <button
          type="button"
          className="button button-quiet"
          onClick={() => onChange({ q: '', status: null, window: 'any', from: '', to: '' })}
        >
          Clear filters
        </button>
      )}
    </search>
  );
}

function CustomWindow({ filter, onChange }: Props) {
  return (
    <>
      <InstantInput label="From" instant={filter.from} onChange={(from) => onChange({ from })} />
      <InstantInput label="Before" instant={filter.to} onChange={(to) => onChange({ to })} />
      {isReversed(filter) && (
        <p className="notice" role="alert">
          The start is not before the end, so no order can match.
        </p>
      )}
    </>
  );
}

interface InstantProps {
  label: string;
  /** Empty for none. */
  instant: string;
  onChange: (instant: string) => void;
}

/** A day and a time in the viewer's zone. The time is midnight until another one is chosen, and is shown as that. */
function InstantInput({ label, instant, onChange }: InstantProps) {
  const zone = useZone();
  const shown = instant === '' ? undefined : wallTime(instant, zone);
  const time = shown?.time.slice(0, 'hh:mm'.length) ?? '';
  const change = (day: string, minute: string): void =>
    onChange(day === '' ? '' : instantOf(`${day}T${minute || '00:00'}`, zone).toISOString());
  return (
    <span className="instant" title={`Time zone: ${zone}`}>
      <label>
        {label}{' '}
        <input
          type="date"
          aria-label={`${label}: day`}
          value={shown?.date ?? ''}
          onChange={(event) => change(event.target.value, time)}
        />
      </label>
      <input
        type="time"
        aria-label={`${label}: time`}
        value={time}
        disabled={shown === undefined}
        onChange={(event) => change(shown?.date ?? '', event.target.value)}
      />
    </span>
  );
}

function SearchBox({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(text);
  const [shown, setShown] = useState(text);
  // The address changed by itself, as when somebody goes back.
  if (text !== shown) {
    setShown(text);
    setDraft(text);
  }
  const search = useEffectEvent(onChange);
  useEffect(() => {
    const wanted = draft.trim();
    if (wanted === text) return undefined;
    const timer = setTimeout(() => search(wanted), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft, text]);
  useShortcuts({
    '/': () => {
      input.current?.focus();
      input.current?.select();
    },
  });
  return (
    <label className="search-box">
      <span className="visually-hidden">Search</span>
      <input
        ref={input}
        type="search"
        placeholder="Order id, whole e-mail, customer or product id"
        title="Matches whole values, and order ids from their beginning"
        maxLength={254}
        aria-keyshortcuts="/"
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onChange(draft.trim());
          if (event.key === 'Escape') input.current?.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
