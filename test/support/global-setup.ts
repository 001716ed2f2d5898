import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Prepares the database server of a run.
 * Jest loads this file and its imports outside of its module system, as CommonJS. There, neither imports of TypeScript
 * files by the name of their compiled file nor imports by URL work; the hook adds both.
 */
export default async function globalSetup(): Promise<void> {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier;
      try {
        return nextResolve(path, context);
      } catch (error) {
        if (!path.startsWith('.') || !path.endsWith('.js')) throw error;
        return nextResolve(path.replace(/\.js$/, '.ts'), context);
      }
    },
  });
  const { prepareRun } = await import('./database-server.js');
  await prepareRun();
}
