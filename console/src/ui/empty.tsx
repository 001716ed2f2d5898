import type { ReactNode } from 'react';

/** Shown in place of an empty list. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** The same in place of a whole page. */
export function EmptyPage({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="empty">
      <title>{title}</title>
      <h1 className="empty-title">{title}</h1>
      {children}
    </div>
  );
}
