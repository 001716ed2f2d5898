import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { ORDER_STATUS_NAMES } from '../api/transitions.ts';
import type { OrderStatus } from '../api/types.ts';
import { useShortcuts } from '../ui/shortcuts.ts';
import { isFiltered, type OrderFilter, type Window, WINDOWS } from './order-filter.ts';

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
      <label>
        <span className="visually-hidden">Placed from</span>
        <input
          type="datetime-local"
          value={filter.from}
          onChange={(event) => onChange({ from: event.target.value })}
        />
      </label>
      <label>
        <span className="visually-hidden">Placed before</span>
        <input
          type="datetime-local"
          value={filter.to}
          onChange={(event) => onChange({ to: event.target.value })}
        />
      </label>
    </>
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
        placeholder="Order id, customer, e-mail or product"
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
