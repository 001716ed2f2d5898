import { Link } from 'wouter';

interface Entry {
  name: string;
  count: number;
  href?: string;
}

interface Props {
  title: string;
  entries: Entry[];
  /** What is shown in place of no entries. */
  none: string;
  format: (count: number) => string;
}

/** Counts side by side, as bars and as numbers. */
export function Bars({ title, entries, none, format }: Props) {
  const most = Math.max(1, ...entries.map(({ count }) => count));
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {entries.length === 0 && <p className="muted">{none}</p>}
      <ul className="bars">
        {entries.map(({ name, count, href }) => (
          <li key={name}>
            <span>{href === undefined ? name : <Link href={href}>{name}</Link>}</span>
            <span className="bar" aria-hidden="true">
              <span style={{ inlineSize: `${(100 * count) / most}%` }} />
            </span>
            <span className="number">{format(count)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
