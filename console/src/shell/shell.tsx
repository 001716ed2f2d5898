import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useMay } from '../api/caller.ts';
import type { Scope } from '../api/types.ts';
import { HelpDialog } from './help-dialog.tsx';
import { incidentsQuery } from '../incidents/incidents.query.ts';
import { useKeptFocus } from './kept-focus.ts';
import { BulkDialogs } from '../orders/bulk/bulk-dialog.tsx';
import { useShortcuts } from '../ui/shortcuts.ts';
import { toggleTheme } from '../ui/theme.ts';
import { TroubleBanner } from '../webhooks/trouble-banner.tsx';
import { Account } from './account.tsx';

/** The pages in the menu. The first one that the caller may see is the one that the console starts with. */
export const PAGES: { path: string; name: string; keys: string; scope: Scope }[] = [
  { path: '/orders', name: 'Orders', keys: 'g o', scope: 'orders:read' },
  { path: '/incidents', name: 'Incidents', keys: 'g i', scope: 'operations' },
  { path: '/health', name: 'Health', keys: 'g h', scope: 'operations' },
  { path: '/webhooks', name: 'Webhooks', keys: 'g w', scope: 'webhooks' },
];

/** The frame of every page: navigation and account. */
export function Shell({ children }: { children: ReactNode }) {
  const [location, navigate] = useLocation();
  useFocusOnNewPage(location);
  const main = useRef<HTMLElement>(null);
  useKeptFocus(main);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const may = useMay();
  const pages = PAGES.filter(({ scope }) => may(scope));
  useShortcuts({
    '?': () => setHelpOpen(true),
    t: toggleTheme,
    ...Object.fromEntries(pages.map(({ keys, path }) => [keys, () => navigate(path)])),
  });
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="sidebar">
        <p className="brand">Order service</p>
        <nav aria-label="Pages">
          <ul>
            {pages.map((page) => (
              <li key={page.path}>
                <PageLink {...page} />
              </li>
            ))}
          </ul>
        </nav>
        <Account onHelp={() => setHelpOpen(true)} />
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {may('webhooks') && <TroubleBanner />}
        {children}
      </main>
      <BulkDialogs />
      {isHelpOpen && <HelpDialog onClose={() => setHelpOpen(false)} />}
    </div>
  );
}

/** Moves the focus to a new page, so that screen readers announce it and the next Tab is in it. */
function useFocusOnNewPage(location: string): void {
  const shown = useRef(location);
  useEffect(() => {
    if (shown.current === location) return;
    shown.current = location;
    const hasFocus = document.activeElement?.closest('main [data-row]');
    if (!hasFocus) document.getElementById('main')?.focus({ preventScroll: true });
  }, [location]);
}

function PageLink({ path, name, keys }: { path: string; name: string; keys: string }) {
  const [location] = useLocation();
  const isCurrent = location === path || location.startsWith(`${path}/`);
  return (
    <Link
      href={path}
      className="page-link"
      aria-current={isCurrent ? 'page' : undefined}
      aria-keyshortcuts={keys}
    >
      {name}
      {path === '/incidents' && <IncidentCount />}
    </Link>
  );
}

/** How many things wait for a person, seen from every page. */
function IncidentCount() {
  const { data } = useQuery(incidentsQuery(null));
  if (!data || data.count === 0) return null;
  return (
    <span className="count">
      {data.next_cursor === null ? data.count : `${data.count}+`}
      <span className="visually-hidden"> open</span>
    </span>
  );
}
