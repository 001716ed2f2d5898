import { useQuery } from '@tanstack/react-query';
import { Fragment, type ReactNode } from 'react';
import { CallerContext } from '../api/caller.ts';
import { api, refusedSession, send } from '../api/client.ts';
import { ProblemError } from '../api/problem.ts';
import { credential } from '../api/session.ts';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useStore } from '../ui/store.ts';
import { SignInDialog } from './sign-in-dialog.tsx';
import { SignInPage } from './sign-in-page.tsx';

/** Shows the console to callers that the service knows, and asks everyone else to sign in. */
export function Gate({ children }: { children: ReactNode }) {
  const secret = useStore(credential);
  const refusal = useStore(refusedSession);
  const caller = useQuery({
    queryKey: ['caller', secret],
    queryFn: () => send(api.GET('/caller')),
    staleTime: Infinity,
  });
  if (caller.data) {
    return (
      <CallerContext value={caller.data}>
        <Fragment key={caller.data.id}>{children}</Fragment>
        {refusal !== null && <SignInDialog />}
      </CallerContext>
    );
  }
  if (refusal !== null) return <SignInPage refusal={refusal} />;
  if (caller.isPending) {
    return (
      <main className="sign-in">
        <p className="muted">Signing in …</p>
      </main>
    );
  }
  if (caller.error instanceof ProblemError && caller.error.status === 401) {
    return <SignInPage refusal={secret === null ? null : caller.error.message} />;
  }
  return (
    <main className="sign-in">
      <ProblemBox error={caller.error} onRetry={() => void caller.refetch()} />
    </main>
  );
}
