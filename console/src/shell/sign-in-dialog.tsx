import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useCaller } from '../api/caller.ts';
import { fetchCaller, refusedSession } from '../api/client.ts';
import { ProblemError } from '../api/problem.ts';
import { queryClient } from '../api/query-client.ts';
import { signIn } from '../api/session.ts';
import { ProblemBox } from '../ui/problem-box.tsx';
import { forgetPerson, leave } from './leave.ts';
import { SignInForm } from './sign-in-form.tsx';

/**
 * Asks for credentials again after the session has expired. The page behind it stays mounted, so that an open dialog
 * and its input survive. It is hidden, because the session is over.
 */
export function SignInDialog() {
  const before = useCaller();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    const focused = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    };
  }, []);
  const checking = useMutation({
    mutationFn: async (secret: string) => ({ secret, caller: await fetchCaller(secret) }),
    onSuccess: ({ secret, caller }) => {
      if (caller.id !== before.id) forgetPerson();
      queryClient.setQueryData(['caller', secret], caller);
      signIn(secret);
      refusedSession.set(null);
      void queryClient.invalidateQueries();
    },
  });
  const { error } = checking;
  const isRefused = error instanceof ProblemError && error.status === 401;
  return (
    <dialog
      ref={ref}
      className="dialog sign-in-dialog"
      aria-label="Sign in again"
      onCancel={(event) => event.preventDefault()}
    >
      <SignInForm
        title="Your session has expired"
        refusal={isRefused ? error.message : null}
        isBusy={checking.isPending}
        onSubmit={(secret) => checking.mutate(secret)}
      >
        {error && !isRefused && <ProblemBox error={error} purpose="sign-in" />}
      </SignInForm>
      <p className="muted">
        Signed in as {before.id}. Your work is kept until you sign in again.{' '}
        <button type="button" className="button" onClick={leave}>
          Sign out instead
        </button>
      </p>
    </dialog>
  );
}
