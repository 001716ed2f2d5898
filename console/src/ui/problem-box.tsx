import type { ReactNode } from 'react';
import { ProblemError } from '../api/problem.ts';

interface Advice {
  title: string;
  advice: string;
}

/** What somebody can do about a refusal, by its type and else by its status. */
function adviceFor(error: unknown): Advice {
  if (!(error instanceof ProblemError)) {
    return {
      title: 'The service can not be reached',
      advice: 'Check the connection. This page asks again when you press the button.',
    };
  }
  const title = error.body.title ?? `The service answered ${error.status}`;
  if (error.status === 401) return { title, advice: 'Sign in again with a key or token that is valid.' };
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
  onRetry?: (() => void) | undefined;
  children?: ReactNode;
}

/** Says what happened, what to do, and by which id the operators find it. */
export function ProblemBox({ error, onRetry, children }: Props) {
  const { title, advice } = adviceFor(error);
  const problem = error instanceof ProblemError ? error : undefined;
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{title}</p>
      {problem && problem.message !== title && <p>{problem.message}</p>}
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
