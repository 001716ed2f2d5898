import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../../package.json', import.meta.url);

/** Node options of the production image: they keep the heap small, see docs/performance.md. */
export function imageOptions(): string[] {
  const { scripts } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { scripts: Record<string, string> };
  return (scripts['start:prod'] ?? '').split(' ').filter((word) => word.startsWith('--'));
}
