import { once } from 'node:events';
import { createServer } from 'node:http';

/** A received span. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** Numbers of the protocol: 1 internal, 2 server, 3 client, 5 consumer. */
  kind: number;
  attributes: Record<string, string | number>;
  /** 2 for an error. */
  status: number;
}

/** An OTLP receiver: `POST /v1/traces` with protobuf over HTTP. */
export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** Resource attributes of the last request. */
  resource: Record<string, string | number>;
  close(): void;
}

/** A field of a protobuf message: numbers and lengths decoded, bytes not. */
type Field = { number: number; value: Buffer | number };

/** Splits a message into its fields without a schema (protobuf.dev/programming-guides/encoding). */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const bytes = (length: number): Buffer => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    const value = wire === 0 ? varint() : bytes(wire === 1 ? 8 : wire === 5 ? 4 : varint());
    fields.push({ number: Math.floor(tag / 8), value });
  }
  return fields;
}

/** All values of a field that is a message, text or bytes. */
function all(message: Buffer, number: number): Buffer[] {
  const found = fieldsOf(message).filter((field) => field.number === number);
  return found.map(({ value }) => value).filter((value) => Buffer.isBuffer(value));
}

function numberAt(message: Buffer, number: number): number {
  const value = fieldsOf(message).find((field) => field.number === number)?.value;
  return typeof value === 'number' ? value : 0;
}

/** KeyValue: 1 is the key, 2 an AnyValue, in which 1 is text and 3 an integer. */
function attributesOf(messages: Buffer[]): Record<string, string | number> {
  const pairs = messages.map((pair) => {
    const [key = Buffer.alloc(0)] = all(pair, 1);
    const [value = Buffer.alloc(0)] = all(pair, 2);
    return [key.toString(), all(value, 1)[0]?.toString() ?? numberAt(value, 3)] as const;
  });
  return Object.fromEntries(pairs);
}

/** Span: 1 trace, 2 span, 4 parent, 5 name, 6 kind, 9 attributes, 15 status, whose 3 is the code. */
function spanOf(message: Buffer): ReceivedSpan {
  const hex = (number: number): string => all(message, number)[0]?.toString('hex') ?? '';
  const [status] = all(message, 15);
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentSpanId: hex(4),
    name: all(message, 5)[0]?.toString() ?? '',
    kind: numberAt(message, 6),
    attributes: attributesOf(all(message, 9)),
    status: status ? numberAt(status, 3) : 0,
  };
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const resource: Record<string, string | number> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isTraces =
        request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
      // ExportTraceServiceRequest: 1 are ResourceSpans. In these, 1 is the resource and 2 are ScopeSpans, whose 2 are
      // spans.
      for (const sent of isTraces ? all(Buffer.concat(chunks), 1) : []) {
        Object.assign(resource, attributesOf(all(sent, 1).flatMap((described) => all(described, 1))));
        spans.push(...all(sent, 2).flatMap((scope) => all(scope, 2).map(spanOf)));
      }
      response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}`, spans, resource, close: () => void server.close() };
}
