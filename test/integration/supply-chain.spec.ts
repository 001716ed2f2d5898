import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Packages that report installations or use to a third party. */
const TELEMETRY = ['@scarf/scarf'];

interface Lock {
  packages: Record<string, { resolved?: string; hasInstallScript?: boolean }>;
}

const lock = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as Lock;
const { allowScripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  allowScripts: Record<string, boolean>;
};

describe('npm packages', () => {
  it.each(TELEMETRY)('replace %s with an empty package of this project', (name) => {
    const places = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    expect(places).toEqual([[`node_modules/${name}`, { resolved: 'packages/no-telemetry', link: true }]]);
    expect(readdirSync(join(PROJECT, 'packages/no-telemetry'))).toEqual(['package.json']);
  });

  it('come from the default registry', () => {
    const others = Object.values(lock.packages).filter(
      ({ resolved }) =>
        resolved !== undefined &&
        resolved !== 'packages/no-telemetry' &&
        !resolved.startsWith('https://registry.npmjs.org/'),
    );
    expect(others).toEqual([]);
  });

  it('have a decision for each install script', () => {
    const undecided = Object.entries(lock.packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.split('node_modules/').at(-1) ?? '')
      .filter((name) => allowScripts[name] === undefined);
    expect(undecided).toEqual([]);
  });

  it('of production are listed in an SBOM', () => {
    const text = execFileSync(
      'npm',
      ['sbom', '--omit=dev', '--sbom-format=cyclonedx', '--package-lock-only'],
      {
        cwd: PROJECT,
        encoding: 'utf8',
        maxBuffer: 64 * 1_048_576,
      },
    );
    const { components } = JSON.parse(text) as { components: { name: string }[] };
    expect(components.length).toBeGreaterThan(50);
    expect(components.map(({ name }) => name)).toContain('fastify');
  });
});
