import { refusedSession } from '../api/client.ts';
import { signIn } from '../api/session.ts';
import { forgetPerson } from './leave.ts';
import { SignInForm } from './sign-in-form.tsx';

function start(secret: string): void {
  forgetPerson();
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
