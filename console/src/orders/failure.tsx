import { useProblemTitle } from '../api/problem-titles.ts';

/** Why an order failed, with a link to the explanation. */
export function Failure({ type }: { type: string | undefined }) {
  const titleOf = useProblemTitle();
  if (type === undefined) return null;
  return (
    <a href={type} target="_blank" rel="noreferrer" className="failure" title={titleOf(type)}>
      {titleOf(type)}
    </a>
  );
}
