import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Problem } from '../../src/platform/http/problem.js';
import { problemTypes } from '../../src/platform/http/problems/problem-types.js';
import { readTree } from '../support/house-rules.js';
import { expectProblem } from '../support/builders.js';
import { startTestService, type TestService } from '../support/service.js';

const TYPES = [...problemTypes()];
const HTML = { accept: 'text/html,application/xhtml+xml,application/json;q=0.8' };
const JSON_ONLY = { accept: 'application/json' };
const ERRORS = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
const SOURCES = readTree('src');

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

describe('every kind of problem', () => {
  it.each(TYPES)('%s says what happened and what to do', (name, type) => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(STATUS_CODES[type.status]).toBeDefined();
    expect(type.title).toMatch(/^[A-Z][^.]{7,40}$/);
    for (const text of [type.cause, type.remedy]) expect(text.length).toBeGreaterThan(10);
    expect(type.cause).not.toBe(type.title);
  });

  it.each(TYPES)('%s has its page for people at the address that is its type', async (name, type) => {
    const answer = await service.request('GET', `/problems/${name}`, undefined, HTML);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.body).toContain(`<h1>${type.title}</h1>`);
    expect(answer.body).toContain(`${type.status} ${STATUS_CODES[type.status]}`);
    expect(answer.body).toContain('What to do');
    for (const member of Object.keys(type.members ?? {})) expect(answer.body).toContain(member);
  });

  it.each(TYPES)('%s has the same for programs', async (name, { members = {}, ...type }) => {
    const answer = await service.request('GET', `/problems/${name}`, undefined, JSON_ONLY);
    expect(answer.body).toEqual({ type: `/problems/${name}`, ...type, members });
  });

  it.each(TYPES)('%s is in the table of errors', (name, { status }) => {
    expect(ERRORS).toMatch(new RegExp(`^\\| \`${name}\` +\\| ${status} +\\|`, 'm'));
  });

  it.each(TYPES)('%s is answered somewhere', (name) => {
    // Where it is defined it is followed by a colon; everywhere else it is used.
    const used = new RegExp(`'${name}'(?!:)`);
    expect(SOURCES.filter(({ text }) => used.test(text)).map(({ path }) => path)).not.toEqual([]);
  });
});

describe('the table', () => {
  it('is all that the document names', () => {
    const rows = ERRORS.split('\n').filter((row) => /^\| `[a-z-]+` +\| \d{3} +\|/.test(row));
    const named = rows.map((row) => /`([a-z-]+)`/.exec(row)?.[1] ?? '');
    expect(named.toSorted()).toEqual(TYPES.map(([name]) => name).toSorted());
  });

  it('is listed at /problems, for people and for programs', async () => {
    const page = await service.request('GET', '/problems', undefined, HTML);
    const list = await service.request('GET', '/problems', undefined, JSON_ONLY);
    for (const [name] of TYPES) expect(page.body).toContain(`href="/problems/${name}"`);
    const listed = (list.body.problems as { type: string }[]).map(({ type }) => type);
    expect(listed).toEqual(TYPES.map(([name]) => `/problems/${name}`));
  });

  it('has nothing that is not in it', async () => {
    for (const name of ['nothing', '__proto__', 'constructor', '%3Cscript%3E']) {
      const answer = await service.request('GET', `/problems/${name}`, undefined, HTML);
      expectProblem(answer, 404);
    }
  });

  it('keeps a problem from being made that it does not have', () => {
    const kind = { status: 400, title: 'Unheard of', cause: 'No cause', remedy: 'No remedy' };
    expect(() => new Problem('unheard-of', kind, 'detail')).toThrow('is not in the table');
    expect(() => new Problem('not-found', kind, 'detail')).toThrow('is not in the table');
  });
});
