import { useEffect } from 'react';
import { prefer, preferences } from './preferences.ts';
import { useStore } from './store.ts';

/** Writes the wanted theme into the page, where the styles look for it. */
export function useTheme(): void {
  const { theme } = useStore(preferences);
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }, [theme]);
}

export function isDark(): boolean {
  const { theme } = preferences.get();
  return theme === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
}

export function toggleTheme(): void {
  prefer({ theme: isDark() ? 'light' : 'dark' });
}
