import { useCaller } from '../api/caller.ts';
import { credential } from '../api/session.ts';
import { Menu } from '../ui/menu.tsx';
import { prefer, preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';
import { leave } from './leave.ts';
import { BROWSER_ZONE } from '../time/use-zone.ts';

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

const THEMES = { system: 'System', light: 'Light', dark: 'Dark' } as const;

/** Who is signed in, and how they like the console. */
export function Account({ onHelp }: { onHelp: () => void }) {
  const caller = useCaller();
  const { theme, zone } = useStore(preferences);
  const hasCredential = useStore(credential) !== null;
  return (
    <Menu
      className="account"
      summary={
        <>
          <span className="visually-hidden">Settings of </span>
          {caller.id}
        </>
      }
    >
      <div className="account-menu">
        <label>
          Time zone
          <select value={zone} onChange={(event) => prefer({ zone: event.target.value })}>
            <option value="">Browser ({BROWSER_ZONE})</option>
            {ZONES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Theme
          <select
            value={theme}
            onChange={(event) => prefer({ theme: event.target.value as keyof typeof THEMES })}
          >
            {Object.entries(THEMES).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" className="button" onClick={onHelp}>
          Keyboard shortcuts <kbd>?</kbd>
        </button>
        <a className="button" href="/docs">
          API documentation
        </a>
        {hasCredential ? (
          <button type="button" className="button" onClick={leave}>
            Sign out
          </button>
        ) : (
          <p className="muted">Authentication is off (AUTH=none).</p>
        )}
      </div>
    </Menu>
  );
}
