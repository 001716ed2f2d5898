import { type FormEvent, useId, useState } from 'react';
import { refusedSession } from '../api/client.ts';
import { queryClient } from '../api/query-client.ts';
import { signIn } from '../api/session.ts';

/** @param refusal what the service said of the key or token before; null where there was none */
export function SignInPage({ refusal }: { refusal: string | null }) {
  const [text, setText] = useState('');
  const id = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const secret = text.trim().replace(/^Bearer\s+/i, '');
    if (secret === '') return;
    // What another caller has seen is not for this one.
    queryClient.clear();
    refusedSession.set(null);
    signIn(secret);
  };
  return (
    <main className="sign-in">
      <form className="sign-in-form" onSubmit={submit}>
        <h1>Sign in to Orders</h1>
        <p className="muted" id={`${id}-help`}>
          Paste an API key (<code>osk_…</code>) or an access token of your company’s sign-in. It stays in this
          tab and is gone when the tab is closed.
        </p>
        {refusal !== null && (
          <p className="problem" role="alert">
            The service did not take it: {refusal}
          </p>
        )}
        <label htmlFor={id}>API key or access token</label>
        <input
          id={id}
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          autoFocus
          aria-describedby={`${id}-help`}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button button-primary">
          Sign in
        </button>
      </form>
    </main>
  );
}
