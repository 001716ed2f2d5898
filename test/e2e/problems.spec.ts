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
const SOURCES = readTree('src');

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service.stop());

describe('problem type', () => {
  it.each(TYPES)('%s has a cause and a remedy', (name, type) => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(STATUS_CODES[type.status]).toBeDefined();
    expect(type.title).toMatch(/^[A-Z][^.]{7,40}$/);
    for (const text of [type.cause, type.remedy]) expect(text.length).toBeGreaterThan(10);
    expect(type.cause).not.toBe(type.title);
  });

  it.each(TYPES)('%s has a page for people at its type URL', async (name, type) => {
    const answer = await service.request('GET', `/problems/${name}`, undefined, HTML);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.body).toContain(`<h1>${type.title}</h1>`);
    expect(answer.body).toContain(`${type.status} ${STATUS_CODES[type.status]}`);
    expect(answer.body).toContain('What to do');
    for (const member of Object.keys(type.members ?? {})) expect(answer.body).toContain(member);
  });

  it.each(TYPES)('%s is described in JSON at its type URL', async (name, { members = {}, ...type }) => {
    const answer = await service.request('GET', `/problems/${name}`, undefined, JSON_ONLY);
    expect(answer.body).toEqual({ type: `/problems/${name}`, ...type, members });
  });

  it.each(TYPES)('%s is used by the code', (name) => {
    // Its definition is followed by a colon; any other occurrence is a use.
    const used = new RegExp(`'${name}'(?!:)`);
    expect(SOURCES.filter(({ text }) => used.test(text)).map(({ path }) => path)).not.toEqual([]);
  });
});

describe('problem types', () => {
  it('are listed at /problems as a page and as JSON', async () => {
    const page = await service.request('GET', '/problems', undefined, HTML);
    const list = await service.request('GET', '/problems', undefined, JSON_ONLY);
    for (const [name] of TYPES) expect(page.body).toContain(`href="/problems/${name}"`);
    const listed = (list.body.problems as { type: string }[]).map(({ type }) => type);
    expect(listed).toEqual(TYPES.map(([name]) => `/problems/${name}`));
  });

  it('return 404 for an unknown name', async () => {
    for (const name of ['nothing', '__proto__', 'constructor', '%3Cscript%3E']) {
      const answer = await service.request('GET', `/problems/${name}`, undefined, HTML);
      expectProblem(answer, 404);
    }
  });

  it('can not be created under an undefined name', () => {
    const kind = { status: 400, title: 'Unheard of', cause: 'No cause', remedy: 'No remedy' };
    expect(() => new Problem('unheard-of', kind, 'detail')).toThrow('is not in the table');
    expect(() => new Problem('not-found', kind, 'detail')).toThrow('is not in the table');
  });
});
