import { Logger } from '@nestjs/common';
import {
  diag,
  type Link,
  ROOT_CONTEXT,
  type Span as OpenTelemetrySpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer as OpenTelemetryTracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Settings } from '../../config/settings.js';
import type { TraceContext } from './trace-context.js';
import { type Span, type SpanAttributes, type SpanStart, Tracer } from './tracer.js';

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/**
 * Sends traces by OTLP over HTTP; loaded only when traces are on. Its packages read the endpoint
 * (`OTEL_EXPORTER_OTLP_*`) and the identity (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) from the environment
 * themselves.
 */
export class OpenTelemetry extends Tracer {
  private readonly provider: TracerProvider;
  private readonly tracer: OpenTelemetryTracer;

  constructor(settings: Settings) {
    super();
    // The exporter below logs each outage once instead.
    diag.disable();
    const named = resourceFromAttributes({ 'service.name': 'order-service' });
    const configured = detectResources({ detectors: [envDetector] });
    this.provider = new TracerProvider({
      resource: defaultResource().merge(named).merge(configured),
      sampler: samplerOf(settings),
      spanProcessors: [new BatchSpanProcessor({ exporter: tellingOfOutages(new OTLPTraceExporter()) })],
    });
    this.tracer = this.provider.getTracer('order-service');
  }

  override start({ name, kind, attributes, parent, follows }: SpanStart): Span {
    const above = parent ? trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)) : ROOT_CONTEXT;
    const links: Link[] = follows ? [{ context: toSpanContext(follows) }] : [];
    const options = { kind: KINDS[kind], links, ...(attributes && { attributes }) };
    return new RecordedSpan(this.tracer.startSpan(name, options, above), parent?.state);
  }

  override async stop(): Promise<void> {
    await this.provider.shutdown();
  }
}

class RecordedSpan implements Span {
  readonly context: TraceContext;

  constructor(
    private readonly span: OpenTelemetrySpan,
    state: string | undefined,
  ) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.context = { traceId, spanId, flags: traceFlags, state };
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes(attributes);
  }

  fail(type: string): void {
    this.span.setAttributes({ 'error.type': type }).setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.span.end();
  }
}

function toSpanContext({ traceId, spanId, flags }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: flags, isRemote: true };
}

/** The samplers that the specification names, as `OTEL_TRACES_SAMPLER` chooses among them. */
function samplerOf({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }: Settings): Sampler {
  const isParentBased = OTEL_TRACES_SAMPLER.startsWith('parentbased_');
  const root = rootSampler(OTEL_TRACES_SAMPLER.replace('parentbased_', ''), OTEL_TRACES_SAMPLER_ARG);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'traceidratio' ? new TraceIdRatioBasedSampler(ratio) : new AlwaysOnSampler();
}

/** Traces may get lost, but not silently: logs once when sending fails, and once when it works again. */
function tellingOfOutages(exporter: SpanExporter): SpanExporter {
  const logger = new Logger(OpenTelemetry.name);
  let isDown = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !isDown) logger.warn({ err: result.error }, 'Traces can not be sent; they are dropped');
        if (!failed && isDown) logger.log('Traces are sent again');
        isDown = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
