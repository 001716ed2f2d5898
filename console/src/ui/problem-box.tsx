import type { ReactNode } from 'react';
import { OfflineError, IncompleteExportError, ProblemError } from '../api/problem.ts';

interface Advice {
  title: string;
  advice: string;
}

/** Without an answer it is unknown whether a change was made. */
function adviceWithoutAnswer(isChange: boolean): string {
  return isChange
    ? 'The change may or may not have been made. Trying again is safe: it is made at most once.'
    : 'Check the connection. The page tries again by itself.';
}

/** What a person can do about an error, by its type and else by its status. */
function adviceFor(error: unknown, isChange: boolean): Advice {
  if (error instanceof OfflineError) {
    return {
      title: 'You were offline',
      advice: 'Nothing was sent or changed. Try again once you are online.',
    };
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { title: 'The service did not answer in time', advice: adviceWithoutAnswer(isChange) };
  }
  if (error instanceof TypeError) {
    const title = navigator.onLine ? 'The service could not be reached' : 'You are offline';
    return { title, advice: adviceWithoutAnswer(isChange) };
  }
  if (error instanceof IncompleteExportError) {
    return { title: error.message, advice: 'The connection broke off and nothing was saved. Export again.' };
  }
  if (!(error instanceof ProblemError)) {
    return {
      title: 'This page failed',
      advice: `Reload the page. ${error instanceof Error ? error.message : ''}`,
    };
  }
  const title = error.body.title ?? `The service answered ${error.status}`;
  if (error.status === 401) {
    return {
      title: 'Your session had expired',
      advice: 'Nothing was changed. Sign in if you are asked to, then try again.',
    };
  }
  if (error.status === 403) {
    const scope = error.body.required_scope;
    return {
      title,
      advice: scope
        ? `Ask whoever gave you the key or token for the scope ${scope}.`
        : 'Ask whoever gave you the key or token.',
    };
  }
  if (error.status === 429) return { title, advice: 'Wait a moment, then try again.' };
  if (error.status >= 500) {
    return { title, advice: 'Try again. If it stays, tell the operators, with the request id below.' };
  }
  if (error.status === 404)
    return { title, advice: 'Check the address, or search for it in the list of orders.' };
  return { title, advice: 'Change what you asked for and try again.' };
}

interface Props {
  error: unknown;
  /** Whether the request was to change something. */
  isChange?: boolean;
  onRetry?: (() => void) | undefined;
  children?: ReactNode;
}

/** Says what happened, what to do, and by which id the operators find it. */
export function ProblemBox({ error, isChange = false, onRetry, children }: Props) {
  const { title, advice } = adviceFor(error, isChange);
  const problem = error instanceof ProblemError ? error : undefined;
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{title}</p>
      {problem && problem.status !== 401 && problem.message !== title && <p>{problem.message}</p>}
      <p className="muted">{advice}</p>
      {problem?.requestId && (
        <p className="muted">
          Request id: <code>{problem.requestId}</code>
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
