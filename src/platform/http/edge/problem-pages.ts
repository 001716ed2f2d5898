import { STATUS_CODES } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RouteAccess } from '../caller.js';
import { addVary } from './caching.js';
import { Problem } from '../problem.js';
import { PROBLEM_PATH, type ProblemType, problemTypes } from '../problems/problem-types.js';

/** The pages change with a release only. */
const CACHE_CONTROL = 'public, max-age=3600';

const INDEX_PATH = PROBLEM_PATH.slice(0, -1);

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Escapes text for HTML; text between backticks becomes code. */
function toHtml(text: string): string {
  const escaped = text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');
  return escaped.replace(/`([^`]+)`/g, '<code>$1</code>');
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font:16px/1.5 sans-serif;max-width:45em;margin:2em auto;padding:0 1em}dt{font-weight:bold}</style>
${body}
</html>
`;
}

function statusOf({ status }: ProblemType): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`;
}

function pageOf(name: string, type: ProblemType): string {
  const members = Object.entries(type.members ?? {}).map(
    ([member, meaning]) => `<dt><code>${toHtml(member)}</code></dt><dd>${toHtml(meaning)}</dd>`,
  );
  return page(
    toHtml(type.title),
    `<p><a href="${INDEX_PATH}">All problems</a></p>
<h1>${toHtml(type.title)}</h1>
<p><code>${PROBLEM_PATH}${name}</code>, answered with status ${statusOf(type)}</p>
<h2>What happened</h2>
<p>${toHtml(type.cause)}</p>
<h2>What to do</h2>
<p>${toHtml(type.remedy)}</p>
${members.length > 0 ? `<h2>What else the answer holds</h2>\n<dl>${members.join('')}</dl>` : ''}`,
  );
}

function indexPage(): string {
  const rows = [...problemTypes()].map(
    ([name, type]) =>
      `<dt><a href="${PROBLEM_PATH}${name}">${name}</a> (${type.status})</dt><dd>${toHtml(type.title)}</dd>`,
  );
  return page('Problems', `<h1>Problems that this service answers with</h1>\n<dl>${rows.join('\n')}</dl>`);
}

/** The same for programs. */
function toJson(name: string, { status, title, cause, remedy, members = {} }: ProblemType) {
  return { type: `${PROBLEM_PATH}${name}`, title, status, cause, remedy, members };
}

/** Pages are for people; programs ask for JSON. */
function wantsJson(request: FastifyRequest): boolean {
  const accepted = request.headers.accept ?? '';
  return /\bjson\b/.test(accepted) && !accepted.includes('text/html');
}

function send(request: FastifyRequest, reply: FastifyReply, html: () => string, json: () => unknown): void {
  addVary(reply, 'Accept');
  void reply.header('cache-control', CACHE_CONTROL);
  if (wantsJson(request)) void reply.send(json());
  else void reply.type('text/html; charset=utf-8').send(html());
}

/** A refused client has to be able to read the explanation without credentials. */
const PUBLIC = { config: { access: { group: 'always' } satisfies RouteAccess } };

/** Serves a page for each problem at the URL in its `type`, and a list of all. */
export function serveProblemPages(server: FastifyInstance): void {
  server.get(INDEX_PATH, PUBLIC, (request, reply) =>
    send(request, reply, indexPage, () => ({
      problems: [...problemTypes()].map(([name, type]) => toJson(name, type)),
    })),
  );
  server.get(`${PROBLEM_PATH}:name`, PUBLIC, (request, reply) => {
    const { name } = request.params as { name: string };
    const type = problemTypes().get(name);
    if (!type) throw Problem.http('not-found', `There is no problem called ${name}`);
    send(
      request,
      reply,
      () => pageOf(name, type),
      () => toJson(name, type),
    );
  });
}
