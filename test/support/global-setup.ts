import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Prepares the database server of a run.
 *
 * Jest loads this file, and what it imports, outside of its own module system, as CommonJS. There neither the import
 * of a TypeScript file by the name of its compiled one is understood, nor one by a URL: the hook makes up for that.
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
