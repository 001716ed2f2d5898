import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { ORDER_STATUS_NAMES } from '../../api/transitions.ts';
import { useShortcuts } from '../../ui/shortcuts.ts';
import { useZone } from '../../time/use-zone.ts';
import { instantOf, wallTime } from '../../time/zone.ts';
import { DetailChips, DetailMenu } from './detail-menu.tsx';
import { isFiltered, isReversed, NO_FILTER, type OrderFilter, type Window, WINDOWS } from './order-filter.ts';

/** The service is not asked for every letter of a word. */
const PAUSE_MS = 250;

/** What people look for, by more than the name of one status. */
const SEVERAL: [statuses: string, name: string][] = [
  ['reserved', 'awaiting payment: reserved'],
  ['confirmed,processing', 'to ship: confirmed, processing'],
  ['rejected,failed', 'not placed: rejected, failed'],
];

/** Whether a status is offered by its name alone. */
function isPlain(status: string): boolean {
  return SEVERAL.every(([statuses]) => statuses !== status);
}

/** Those, and the set of the address if it is another. */
function severalStatuses(status: string | null): [string, string][] {
  const isOther = status?.includes(',') === true && SEVERAL.every(([statuses]) => statuses !== status);
  return isOther ? [...SEVERAL, [status, status.replaceAll(',', ', ')]] : SEVERAL;
}

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
          onChange={(event) => onChange({ status: event.target.value || null })}
        >
          <option value="">Any status</option>
          {ORDER_STATUS_NAMES.filter(isPlain).map((status) => (
            <option key={status}>{status}</option>
          ))}
          {severalStatuses(filter.status).map(([statuses, name]) => (
            <option key={statuses} value={statuses}>
              {name}
            </option>
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
      <DetailMenu filter={filter} onChange={onChange} />
      <DetailChips filter={filter} onChange={onChange} />
      {filter.unreadable.length > 0 && (
        <p className="notice" role="alert">
          These parts of the address are not valid and are ignored: {filter.unreadable.join(', ')}
        </p>
      )}
      {isFiltered(filter) && (
        <button type="button" className="button button-quiet" onClick={() => onChange(NO_FILTER)}>
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
          The start must be before the end.
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

/** An earlier year means that the person is still typing: `2` of `2026` is the year 0002. */
const FIRST_YEAR = '1970';

/** A day and a time in the viewer's zone. The time is midnight until another one is chosen, and is shown as that. */
function InstantInput({ label, instant, onChange }: InstantProps) {
  const zone = useZone();
  const [known, setKnown] = useState(instant);
  const [day, setDay] = useState(() => dayOf(instant, zone));
  const [isIncomplete, setIncomplete] = useState(false);
  // The address has changed, for example through the browser's back button.
  if (instant !== known) {
    setKnown(instant);
    setDay(dayOf(instant, zone));
    setIncomplete(false);
  }
  const time = instant === '' ? '' : wallTime(instant, zone).time.slice(0, 'hh:mm'.length);
  const change = (nextDay: string, minute: string): void => {
    setDay(nextDay);
    if (nextDay !== '' && nextDay < FIRST_YEAR) return;
    const next = nextDay === '' ? '' : instantOf(`${nextDay}T${minute || '00:00'}`, zone).toISOString();
    // Keeps the input from being replaced while the user types.
    setKnown(next);
    onChange(next);
  };
  return (
    <span className="instant" title={`Time zone: ${zone}`}>
      <label>
        {label}{' '}
        <input
          type="date"
          aria-label={`${label}: day`}
          aria-invalid={isIncomplete}
          value={day}
          onChange={(event) => change(event.target.value, time)}
          onBlur={({ target }) =>
            setIncomplete(target.validity.badInput || (target.value !== '' && target.value < FIRST_YEAR))
          }
        />
      </label>
      <input
        type="time"
        aria-label={`${label}: time`}
        value={time}
        disabled={instant === ''}
        onChange={(event) => change(day, event.target.value)}
      />
      {isIncomplete && (
        <span className="notice" role="alert">
          The date is incomplete and is ignored.
        </span>
      )}
    </span>
  );
}

function dayOf(instant: string, zone: string): string {
  return instant === '' ? '' : wallTime(instant, zone).date;
}

function SearchBox({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(text);
  const [shown, setShown] = useState(text);
  // The address has changed, for example through the browser's back button.
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
        placeholder="Part of a name, email, order ID or product"
        title="Finds parts of names, email addresses, order IDs and products, and whole customer IDs"
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
