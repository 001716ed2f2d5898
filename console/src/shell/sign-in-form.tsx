import { type FormEvent, type ReactNode, useId, useState } from 'react';

interface Props {
  title: string;
  /** Why the service refused the key or token before; null where it did not. */
  refusal: string | null;
  isBusy?: boolean;
  /** Messages above the field for the key or token. */
  children?: ReactNode;
  onSubmit: (secret: string) => void;
}

/** Asks for an API key or an access token. */
export function SignInForm({ title, refusal, isBusy = false, children, onSubmit }: Props) {
  const [text, setText] = useState('');
  const id = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const secret = text.trim().replace(/^Bearer\s+/i, '');
    if (secret !== '') onSubmit(secret);
  };
  return (
    <form className="sign-in-form" onSubmit={submit}>
      <h1>{title}</h1>
      <p className="muted" id={`${id}-help`}>
        Paste an API key (<code>osk_…</code>) or an access token from your company’s sign-in. It is kept in
        this tab only, until you close it.
      </p>
      {refusal !== null && (
        <p className="problem" role="alert">
          Sign-in failed: {refusal}
        </p>
      )}
      {children}
      <label htmlFor={id}>API key or access token</label>
      <input
        id={id}
        type="password"
        autoComplete="off"
        spellCheck={false}
        required
        autoFocus
        data-focus
        aria-describedby={`${id}-help`}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button button-primary" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
  );
}
