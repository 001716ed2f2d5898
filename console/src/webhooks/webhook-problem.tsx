import { isOutcomeUnknown, ProblemError } from '../api/problem.ts';
import { ProblemBox } from '../ui/problem-box.tsx';

/** What to do about problems of webhooks, by their type. */
const ADVICE: Record<string, string> = {
  'webhook-not-found': 'It may have been deleted. Go back to the list of endpoints.',
  'too-many-webhooks': 'Delete an endpoint that is no longer used.',
  'feed-incomplete':
    'The events from before the last upgrade are being numbered. Try again in a few minutes.',
  'replay-in-progress': 'Wait until that replay has ended, or cancel it; its progress is on this page.',
};

interface Props {
  error: unknown;
  /** What to do where it is not known whether the change was made. */
  unknown?: string;
  onRetry?: () => void;
}

export function WebhookProblem({ error, unknown, onRetry }: Props) {
  const known = error instanceof ProblemError ? ADVICE[error.type] : undefined;
  const advice = known ?? (isOutcomeUnknown(error) ? unknown : undefined);
  return <ProblemBox error={error} purpose={onRetry ? 'read' : 'change'} advice={advice} onRetry={onRetry} />;
}
