import type { FormEvent } from 'react';
import { closeMenuOf, Menu } from '../../ui/menu.tsx';
import {
  DETAIL_NAMES,
  type DetailFilters,
  type DetailName,
  DETAILS,
  detailParams,
  hasReversedTotals,
  NO_DETAILS,
} from './detail-filters.ts';

interface Props {
  filter: DetailFilters;
  onChange: (change: Partial<DetailFilters>) => void;
}

/** The filters that are rarely used. They compare whole values, so they apply together rather than while one types. */
export function DetailMenu({ filter, onChange }: Props) {
  const apply = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const next = { ...NO_DETAILS };
    for (const [name, text] of new FormData(event.currentTarget)) {
      if (typeof text === 'string') next[name as DetailName] = text.trim();
    }
    closeMenuOf(event.currentTarget);
    onChange(next);
  };
  return (
    <Menu className="menu" summaryClassName="button" summary="More filters">
      {/* Another filter, for example through the browser's back button, begins a new form. */}
      <form key={JSON.stringify(detailParams(filter))} className="menu-content" onSubmit={apply}>
        {DETAIL_NAMES.map((name) => {
          const { label, maxLength, pattern, hint } = DETAILS[name];
          return (
            <label key={name} className="labelled">
              {label}
              <input
                name={name}
                defaultValue={filter[name]}
                maxLength={maxLength}
                pattern={pattern}
                title={hint}
                inputMode={pattern === undefined ? 'text' : 'decimal'}
                autoComplete="off"
              />
            </label>
          );
        })}
        <button type="submit" className="button button-primary">
          Apply
        </button>
      </form>
    </Menu>
  );
}

/** Those that narrow the list down. A click removes one. */
export function DetailChips({ filter, onChange }: Props) {
  const shown = DETAIL_NAMES.filter((name) => filter[name] !== '');
  if (shown.length === 0) return null;
  return (
    <>
      <ul className="chips">
        {shown.map((name) => (
          <li key={name}>
            <button
              type="button"
              className="chip"
              title="Remove this filter"
              onClick={(event) => {
                // The chip disappears, and the focus must not.
                event.currentTarget.closest('search')?.querySelector('summary')?.focus();
                onChange({ [name]: '' });
              }}
            >
              <span className="chip-text">
                {DETAILS[name].label}: <bdi>{filter[name]}</bdi>
              </span>
              <span aria-hidden="true">×</span>
            </button>
          </li>
        ))}
      </ul>
      {hasReversedTotals(filter) && (
        <p className="notice" role="alert">
          The lowest total must not be above the highest.
        </p>
      )}
    </>
  );
}
