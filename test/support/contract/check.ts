import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import {
  apiDocument,
  type ApiDocument,
  type DocumentedAnswer,
  findOperation,
  type Operation,
  pointerTo,
} from './document.ts';

/** A response of the service, with its request. */
export interface SeenAnswer {
  method: string;
  /** Path and query as they were sent. */
  target: string;
  status: number;
  headers: Headers;
  /** The body, unparsed. */
  text: string;
}

const PROBLEM = 'application/problem+json';

/** One JSON text per line, each described by the schema. */
const NDJSON = 'application/x-ndjson';

/** Paths outside the document: its own pages, what is for other programs, and the controllers of tests. */
const UNDESCRIBED = /^\/((admin|docs|docs-json|docs-yaml|metrics|problems|probe)(\/|$)|$)/;

/** Enough to see the request and the response; lists of orders are long. */
const SHOWN_CHARACTERS = 600;

const DOCUMENT_ID = 'openapi.json';

/**
 * The document with `additionalProperties: false` by default. Clients must tolerate additional members; for a test they
 * are undocumented.
 */
function strictly(document: ApiDocument): ApiDocument {
  const strict = structuredClone(document);
  for (const schema of Object.values(strict.components.schemas)) {
    if (schema.properties) schema.additionalProperties ??= false;
  }
  return strict;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(strictly(apiDocument), DOCUMENT_ID);

const validators = new Map<string, ValidateFunction>();

/** @returns the violations of the schema at the pointer */
export function violationsOf(pointer: string, value: unknown): string[] {
  let validate = validators.get(pointer);
  if (!validate) {
    validate = ajv.compile({ $ref: `${DOCUMENT_ID}${pointer}` });
    validators.set(pointer, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || 'it'} ${message} ${JSON.stringify(params)}`,
  );
}

/** @returns the differences between a response and the document; empty when it matches */
export function findLies(answer: SeenAnswer): string[] {
  const pathname = answer.target.split(/[?#]/, 1)[0] ?? '';
  const operation = findOperation(answer.method, pathname);
  if (operation) return liesOf(answer, operation);
  return UNDESCRIBED.test(pathname) ? [] : refusalLies(answer);
}

/** Path and query of a URL, as fetch sends them. */
export function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** @throws {Error} when the response does not match the OpenAPI document */
export function checkAnswer(answer: SeenAnswer): void {
  const lies = findLies(answer);
  if (lies.length === 0) return;
  const { method, status } = answer;
  const [target, text] = [answer.target, answer.text].map((long) => long.slice(0, SHOWN_CHARACTERS));
  throw new Error(
    `the response does not match the document: ${method} ${target}: ${status} ${text}\n${lies.join('\n')}`,
  );
}

function liesOf(answer: SeenAnswer, operation: Operation): string[] {
  const status = String(answer.status);
  // The document must name this status; its occurrence is a defect of the service all the same.
  if (answer.status === 500) return ['the service has failed'];
  const documented = operation.responses[status];
  if (!documented) return [`${operation.operationId} does not document the status ${status}`];
  return [...headerLies(answer, documented), ...bodyLies(answer, documented)];
}

function headerLies(answer: SeenAnswer, { headers = {}, pointer: at }: DocumentedAnswer): string[] {
  return Object.entries(headers).flatMap(([name, { required }]) => {
    const value = answer.headers.get(name);
    if (value === null) return required ? [`the header ${name} is missing`] : [];
    const pointer = `${at}${pointerTo('headers', name, 'schema').slice(1)}`;
    return violationsOf(pointer, value).map((violation) => `the header ${name}, ${value}: ${violation}`);
  });
}

function bodyLies(answer: SeenAnswer, { content, pointer: at }: DocumentedAnswer): string[] {
  if (answer.method === 'HEAD') return answer.text === '' ? [] : ['there is a body'];
  if (!content) return answer.text === '' ? [] : ['there is an undocumented body'];
  const type = mediaTypeOf(answer.headers);
  if (!(type in content))
    return [`the body is ${type || 'of no type'}, not ${Object.keys(content).join(' or ')}`];
  const pointer = `${at}${pointerTo('content', type, 'schema').slice(1)}`;
  if (type === NDJSON) return linesOf(answer.text).flatMap((line) => jsonLies(line, pointer));
  if (!type.endsWith('json')) return [];
  return jsonLies(answer.text, pointer);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Paths outside all operations can only return an error. */
function refusalLies(answer: SeenAnswer): string[] {
  if (answer.method === 'OPTIONS' && answer.status === 204)
    return answer.text === '' ? [] : ['there is a body'];
  const type = mediaTypeOf(answer.headers);
  if (answer.status < 400 || answer.status >= 500)
    return ['there is no such operation, but it does not return an error'];
  if (answer.method === 'HEAD') return [];
  if (type !== PROBLEM) return [`the error is ${type || 'of no type'}, not ${PROBLEM}`];
  return jsonLies(answer.text, pointerTo('components', 'schemas', 'ProblemResponse'));
}

function jsonLies(text: string, pointer: string): string[] {
  try {
    return violationsOf(pointer, JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return ['the body is not JSON'];
    throw error;
  }
}

function mediaTypeOf(headers: Headers): string {
  return headers.get('content-type')?.split(';', 1)[0]?.trim() ?? '';
}
