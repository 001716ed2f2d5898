import { type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId } from 'react';

interface Props {
  label: string;
  hint?: string;
  /** What the service said about it. */
  error?: string | undefined;
  value: string;
  onChange: (text: string) => void;
}

type InputProps = Props & Omit<InputHTMLAttributes<HTMLInputElement>, keyof Props>;
type TextareaProps = Props & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, keyof Props>;

/** A line of text with its label, and its error below it. */
export function TextField({ label, hint, error, value, onChange, ...others }: InputProps) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <input
        {...others}
        id={id}
        type={others.type ?? 'text'}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : `${id}-error`}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Labelled>
  );
}

/** The same with several lines. */
export function TextArea({ label, hint, error, value, onChange, ...others }: TextareaProps) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <textarea
        {...others}
        id={id}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : `${id}-error`}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Labelled>
  );
}

interface LabelledProps {
  id: string;
  label: string;
  hint: string | undefined;
  error: string | undefined;
  children: ReactNode;
}

function Labelled({ id, label, hint, error, children }: LabelledProps) {
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {hint !== undefined && <span className="muted">({hint})</span>}
      </label>
      {children}
      {error !== undefined && <FieldError id={`${id}-error`} message={error} />}
    </div>
  );
}

export function FieldError({ id, message }: { id?: string; message: string }) {
  return (
    <p id={id} className="field-error">
      {message}
    </p>
  );
}
