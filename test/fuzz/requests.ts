import fc, { type Arbitrary } from 'fast-check';
import { operations } from '../support/contract/document.ts';
import type { Draft } from './draft.ts';
import { mutation } from './mutations.ts';
import type { FuzzRequest } from './request.ts';
import { validRequest } from './valid-requests.ts';

/** Mutations per request. With more of them, a request still fails at the first. */
const MAX_MUTATIONS = 2;

/** One request in four is valid; with rejected requests only, most of the service would not run. */
const mutations = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.array(mutation, { minLength: 1, maxLength: MAX_MUTATIONS }) },
);

/** All operations of the document are equally likely. */
const request: Arbitrary<FuzzRequest> = fc
  .tuple(fc.oneof(...operations.map(validRequest)), mutations)
  .map(([parts, changes]) =>
    write(changes.reduce<Draft>((draft, mutate) => mutate(draft), { ...parts, mutations: [] })),
  );

/** Requests that depend on the seed alone: the same on every machine. */
export function sampleRequests(seed: number, count: number): FuzzRequest[] {
  return fc.sample(request, { seed, numRuns: count });
}

function write(draft: Draft): FuzzRequest {
  const body =
    draft.rawBody ?? (draft.json === undefined ? undefined : Buffer.from(JSON.stringify(draft.json)));
  return {
    method: draft.method,
    target: targetOf(draft),
    headers: { ...(body && { 'content-type': 'application/json' }), ...draft.headers },
    body,
    mutations: draft.mutations,
  };
}

function targetOf({ rawPath, operation, path, query }: Draft): string {
  const written = (rawPath ?? operation.path).replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    name in path ? encode(path[name]) : whole,
  );
  const pairs = query.map(([name, value]) => `${encode(name)}=${encode(value)}`);
  if (pairs.length === 0) return written;
  return `${written}${written.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}

function encode(value: unknown): string {
  return encodeURIComponent(String(value).toWellFormed());
}
