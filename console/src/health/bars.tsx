import { Link } from 'wouter';

interface Entry {
  name: string;
  count: number;
  href?: string;
}

/** Counts side by side, as bars and as numbers. */
export function Bars({ title, entries, none }: { title: string; entries: Entry[]; none: string }) {
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
            <span className="number">{count.toLocaleString('en')}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
