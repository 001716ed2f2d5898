import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ProblemError } from '../../api/problem.ts';
import type { Endpoint, EventType } from '../../api/types.ts';
import { FieldError, TextField } from '../../ui/field.tsx';
import { EVENT_TYPES } from './event-types.ts';

/** As long as the service takes. */
const MAX_URL_LENGTH = 2_000;
const MAX_DESCRIPTION_LENGTH = 200;

/** What a person sets of an endpoint. */
export interface EndpointDraft {
  url: string;
  /** null for none */
  description: string | null;
  /** null for all */
  events: EventType[] | null;
}

interface Props {
  endpoint?: Endpoint;
  /** Why the service refused it. */
  error: unknown;
  submitLabel: string;
  isBusy: boolean;
  onSubmit: (draft: EndpointDraft) => void;
}

export function EndpointForm({ endpoint, error, submitLabel, isBusy, onSubmit }: Props) {
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [events, setEvents] = useState<EventType[] | null>(endpoint?.events ?? null);
  const [isNoneChosen, setNoneChosen] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (error !== null) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const isNone = events?.length === 0;
    setNoneChosen(isNone);
    if (!isNone) onSubmit({ url: url.trim(), description: description.trim() || null, events });
  };
  return (
    <form className="dialog-form" ref={form} onSubmit={submit}>
      <TextField
        label="URL"
        // Not of type url, whose messages differ from those of the service.
        inputMode="url"
        placeholder="https://erp.example.com/orders"
        required
        data-focus
        maxLength={MAX_URL_LENGTH}
        error={messageFor('url', error)}
        value={url}
        onChange={setUrl}
      />
      <TextField
        label="Name"
        hint="optional"
        maxLength={MAX_DESCRIPTION_LENGTH}
        error={messageFor('description', error)}
        value={description}
        onChange={setDescription}
      />
      <EventsField events={events} isMissing={isNoneChosen} onChange={setEvents} />
      <div className="dialog-actions">
        <button type="submit" className="button button-primary" disabled={isBusy}>
          {isBusy ? 'Saving …' : submitLabel}
        </button>
      </div>
    </form>
  );
}

interface EventsProps {
  events: EventType[] | null;
  isMissing: boolean;
  onChange: (events: EventType[] | null) => void;
}

function EventsField({ events, isMissing, onChange }: EventsProps) {
  return (
    <fieldset className="fields">
      <legend>Events</legend>
      <label className="check">
        <input type="radio" name="events" checked={events === null} onChange={() => onChange(null)} />
        All, also those of later versions
      </label>
      <label className="check">
        <input type="radio" name="events" checked={events !== null} onChange={() => onChange([])} />
        Only these
      </label>
      {events !== null && (
        <div className="event-choices">
          {EVENT_TYPES.map(([type, meaning]) => (
            <label key={type} className="choice">
              <input
                type="checkbox"
                checked={events.includes(type)}
                onChange={({ target }) =>
                  onChange(target.checked ? [...events, type] : events.filter((other) => other !== type))
                }
              />
              <code>{type}</code> <span className="muted">{meaning}</span>
            </label>
          ))}
        </div>
      )}
      {isMissing && <FieldError message="Choose at least one type of event." />}
    </fieldset>
  );
}

function messageFor(field: string, error: unknown): string | undefined {
  const errors = error instanceof ProblemError ? (error.body.errors ?? []) : [];
  return errors.find((found) => found.field === field)?.message;
}
