import { ProblemError } from '../../api/problem.ts';
import { ProblemBox } from '../../ui/problem-box.tsx';

/** What to do about problems of holds and payments, by their type. */
const ADVICE: Record<string, string> = {
  'payment-mismatch':
    'Nothing was changed. Enter the total of the order, or use “Record payment”, which confirms nothing.',
  'already-confirmed':
    'If the customer has paid twice, refund one of the payments, and use “Record payment” for what is not in the list.',
  'reservation-expired':
    'The payment is recorded, if you entered one. Refund it. The incident of this order offers another try once there is stock again.',
  'confirmation-unsettled':
    'The payment is recorded, and the service goes on reserving the stock by itself. Close this and watch the order, or confirm again with the same reference.',
  'payment-already-recorded': 'Compare the amounts. A second capture or refund needs a reference of its own.',
  'too-many-payments': 'Nothing was recorded. Keep further reports in the system that takes the payments.',
  'not-reserved': 'Nothing was changed. Only the hold of a reserved order can be extended.',
  'stock-not-kept': 'Nothing was changed. Cancel the order, or let its hold end.',
};

export function PaymentProblem({ error }: { error: unknown }) {
  const advice = error instanceof ProblemError ? ADVICE[error.type] : undefined;
  return <ProblemBox error={error} purpose="change" advice={advice} />;
}
