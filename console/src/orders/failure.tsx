import { useProblemTitle } from '../api/problem-titles.ts';

/** Why an order came to nothing, in words; the service explains it at the address behind it. */
export function Failure({ type }: { type: string | undefined }) {
  const titleOf = useProblemTitle();
  if (type === undefined) return null;
  return (
    <a href={type} target="_blank" rel="noreferrer" className="failure" title={titleOf(type)}>
      {titleOf(type)}
    </a>
  );
}
