import { readFileSync } from 'node:fs';

/** A JSON Schema (2020-12), as far as the tests use it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  enum?: unknown[];
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  example?: unknown;
}

export interface Content {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

export interface Header {
  required?: boolean;
  schema: Schema;
  example?: unknown;
}

export interface Parameter extends Header {
  name: string;
  in: 'path' | 'query' | 'header';
}

export interface DocumentedAnswer {
  /** JSON pointer to it. */
  pointer: string;
  headers?: Record<string, Header>;
  content?: Record<string, Content>;
}

export interface OperationDescription {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, DocumentedAnswer>;
}

interface Reference {
  $ref: string;
}

/** An operation as in the document: its responses may be references to shared ones. */
type WrittenOperation = Omit<OperationDescription, 'responses'> & {
  responses: Record<string, DocumentedAnswer | Reference>;
};

export interface ApiDocument {
  openapi: string;
  info: { title: string };
  paths: Record<string, Record<string, WrittenOperation>>;
  webhooks: Record<string, { post: { requestBody: { content: Record<string, Content> } } }>;
  components: { schemas: Record<string, Schema>; responses: Record<string, DocumentedAnswer> };
}

/** One operation with its place in the document. */
export interface Operation extends OperationDescription {
  /** As in the document: `/orders/{id}`. */
  path: string;
  /** In capitals. */
  method: string;
  /** JSON pointer to it. */
  pointer: string;
}

/** The document in the repository; a test checks that it equals the code. */
export const apiDocument = JSON.parse(
  readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'),
) as ApiDocument;

export const operations: readonly Operation[] = Object.entries(apiDocument.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, description]) => ({
    ...description,
    responses: Object.fromEntries(
      Object.entries(description.responses).map(([status, answer]) => [
        status,
        resolveAnswer(answer, pointerTo('paths', path, method, 'responses', status)),
      ]),
    ),
    path,
    method: method.toUpperCase(),
    pointer: pointerTo('paths', path, method),
  })),
);

/** A response with the place of its definition in the document. */
function resolveAnswer(answer: DocumentedAnswer | Reference, pointer: string): DocumentedAnswer {
  if (!('$ref' in answer)) return { ...answer, pointer };
  const shared = apiDocument.components.responses[answer.$ref.split('/').at(-1) ?? ''];
  if (!shared) throw new Error(`the document has no ${answer.$ref}`);
  return { ...shared, pointer: answer.$ref };
}

/** A JSON pointer as a URI fragment (RFC 6901, section 6). */
export function pointerTo(...keys: string[]): string {
  return `#${keys.map((key) => `/${encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`;
}

/** The operation of a request: a path without variables takes precedence over one with variables. */
export function findOperation(method: string, pathname: string): Operation | undefined {
  // The server answers HEAD like GET, without a body.
  const wanted = method === 'HEAD' ? 'GET' : method;
  const fitting = operations.filter(
    (operation) => operation.method === wanted && fits(operation.path, pathname),
  );
  return fitting.find(({ path }) => !path.includes('{')) ?? fitting[0];
}

function fits(template: string, pathname: string): boolean {
  const [parts, segments] = [template.split('/'), pathname.split('/')];
  return (
    parts.length === segments.length &&
    parts.every((part, index) => {
      const segment = segments[index] ?? '';
      return part.startsWith('{') ? isReadable(segment) : part === segment;
    })
  );
}

/** Malformed text in a path is rejected before routing. */
function isReadable(segment: string): boolean {
  try {
    return decodeURIComponent(segment) !== '';
  } catch {
    return false;
  }
}
