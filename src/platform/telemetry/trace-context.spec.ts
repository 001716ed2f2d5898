import { describe, expect, it } from '@jest/globals';
import { parseTraceContext, traceHeaders } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('the context of a trace (W3C Trace Context)', () => {
  it('is handed on as it came', () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'congo=t61rcWkgMzE' };
    expect(traceHeaders(parseTraceContext(headers.traceparent, headers.tracestate))).toEqual(headers);
    expect(traceHeaders(undefined)).toEqual({});
  });

  it('is understood in later versions as far as this one goes, and sent on in this one', () => {
    expect(traceHeaders(parseTraceContext(`cc-${TRACE}-${SPAN}-09-what-the-future-brings`))).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
    });
  });

  it.each([
    undefined,
    '',
    `00-${TRACE}-${SPAN}`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `01-${TRACE}-${SPAN}-01more`,
    `01-${TRACE}-${SPAN}-01-${'x'.repeat(200)}`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    [`00-${TRACE}-${SPAN}-01`],
  ])('is ignored where it is not valid: %j', (traceparent) => {
    expect(parseTraceContext(traceparent)).toBeUndefined();
  });

  it.each([
    'congo=t61rcWkgMzE',
    'a=1,b=2 , ,c=3',
    'tenant@vendor=x y!',
    Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(),
  ])('comes with its state: %s', (tracestate) => {
    expect(parseTraceContext(`00-${TRACE}-${SPAN}-01`, tracestate)?.state).toBe(tracestate);
  });

  it.each([
    '',
    ',',
    'a',
    'a=',
    'A=1',
    'a=1,a=2',
    'a=b=c',
    'a=\u00e4',
    'a=\n',
    'a=b\tc',
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(),
    `a=${'x'.repeat(520)}`,
    ['a=b'],
  ])('comes without a state like %j', (tracestate) => {
    expect(parseTraceContext(`00-${TRACE}-${SPAN}-01`, tracestate)?.state).toBeUndefined();
  });
});
