import { refusedSession } from '../api/client.ts';
import { queryClient } from '../api/query-client.ts';
import { signIn } from '../api/session.ts';
import { SignInForm } from './sign-in-form.tsx';

function start(secret: string): void {
  // What another caller has seen is not for this one.
  queryClient.clear();
  refusedSession.set(null);
  signIn(secret);
}

/** @param refusal why the service refused the key or token before; null where there was none */
export function SignInPage({ refusal }: { refusal: string | null }) {
  return (
    <main className="sign-in">
      <SignInForm title="Sign in to Orders" refusal={refusal} onSubmit={start} />
    </main>
  );
}
