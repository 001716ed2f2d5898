import type { ReactNode } from 'react';
import { OfflineError, IncompleteExportError, ProblemError } from '../api/problem.ts';

interface Advice {
  title: string;
  advice: string;
}

/** Advice when there is no response, by the purpose of the request. The page retries only reads. */
const WITHOUT_ANSWER = {
  read: 'Check your connection. The page retries automatically.',
  change: 'The change may or may not have been made. Trying again is safe: it is made at most once.',
  export: 'Nothing was saved. Check your connection, then export again.',
  'sign-in': 'Check your connection, then sign in again.',
} as const;

type Purpose = keyof typeof WITHOUT_ANSWER;

/** What a person can do about an error, by its type and else by its status. */
function adviceFor(error: unknown, purpose: Purpose): Advice {
  if (error instanceof OfflineError) {
    return {
      title: 'You were offline',
      advice: 'Nothing was sent or changed. Try again once you are online.',
    };
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { title: 'The service did not answer in time', advice: WITHOUT_ANSWER[purpose] };
  }
  if (error instanceof TypeError) {
    const title = navigator.onLine ? 'The service could not be reached' : 'You are offline';
    return { title, advice: WITHOUT_ANSWER[purpose] };
  }
  if (error instanceof IncompleteExportError) {
    return { title: error.message, advice: 'The connection was lost and nothing was saved. Export again.' };
  }
  if (!(error instanceof ProblemError)) {
    return {
      title: 'Something went wrong',
      advice: `Reload the page. ${error instanceof Error ? error.message : ''}`,
    };
  }
  const title = error.body.title ?? `The service answered ${error.status}`;
  if (error.status === 401) {
    return {
      title: 'Your session has expired',
      advice: 'Nothing was changed. Sign in if prompted, then try again.',
    };
  }
  if (error.status === 403) {
    const scope = error.body.required_scope;
    return {
      title,
      advice: scope ? `Ask your administrator for the scope ${scope}.` : 'Ask your administrator for access.',
    };
  }
  if (error.status === 429) return { title, advice: 'Wait a moment, then try again.' };
  if (error.status >= 500) {
    return {
      title,
      advice: 'Try again. If the problem persists, contact your administrator with the request ID below.',
    };
  }
  if (error.status === 404) return { title, advice: 'Check the address, or search the list of orders.' };
  if (error.status === 409) {
    return { title, advice: 'This has changed since you opened it. Check its current state first.' };
  }
  return { title, advice: 'Correct the request, then try again.' };
}

interface Props {
  error: unknown;
  purpose?: Purpose;
  /** What to do, where it is not the usual. */
  advice?: string | undefined;
  onRetry?: (() => void) | undefined;
  children?: ReactNode;
}

/** Shows the error, the advice, and the request id for the operators. */
export function ProblemBox({ error, purpose = 'read', advice, onRetry, children }: Props) {
  const { title, advice: usual } = adviceFor(error, purpose);
  const problem = error instanceof ProblemError ? error : undefined;
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{title}</p>
      {problem && problem.status !== 401 && problem.message !== title && <p>{problem.message}</p>}
      <p className="muted">{advice ?? usual}</p>
      {problem?.requestId && (
        <p className="muted">
          Request ID: <code>{problem.requestId}</code>
        </p>
      )}
      {children}
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
