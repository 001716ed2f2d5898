import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Where the service listens while the console is worked on (`npm run console`). */
const SERVICE = process.env['SERVICE_URL'] ?? 'http://localhost:8080';

/** What the service serves is compressed once here instead of for every visitor. */
function precompress(): Plugin {
  const compressed = { br: promisify(brotliCompress), gz: promisify(gzip) };
  return {
    name: 'precompress',
    apply: 'build',
    async writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle)) {
        const file = join(dir, name);
        const content = await readFile(file);
        for (const [ending, compress] of Object.entries(compressed)) {
          await writeFile(`${file}.${ending}`, await compress(content));
        }
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/admin/',
  plugins: [precompress()],
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2023',
    // Nothing becomes a data: address, which the Content-Security-Policy would refuse.
    assetsInlineLimit: 0,
    // Browsers that know modules know how to load them ahead too.
    modulePreload: { polyfill: false },
    // Libraries mark what runs in browsers only, which is all of it here. On a busy machine every plugin is slow.
    rolldownOptions: { checks: { moduleLevelDirective: false, bundlerTimings: false } },
  },
  server: {
    proxy: {
      '^/(orders|operations|webhooks|caller|problems|health|customers|docs)': {
        target: SERVICE,
        changeOrigin: true,
        // Without authentication the service refuses pages of other origins.
        headers: { origin: new URL(SERVICE).origin },
      },
    },
  },
});
