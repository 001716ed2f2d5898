import { afterAll, describe, expect, it } from '@jest/globals';
import { Deadline } from '../../src/platform/deadline.js';
import { cleanUp, clientFor, faultOf, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 300;

afterAll(cleanUp);

/** Calls a service that returns these bytes with this `Content-Type`. */
async function ask(bytes: Buffer, contentType?: string, status = 200) {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(status, contentType === undefined ? {} : { 'content-type': contentType }).end(bytes);
  });
  const request = {
    method: 'GET',
    path: ['things'],
    deadline: Deadline.in(5_000),
    idempotent: true,
  } as const;
  return clientFor(upstream.origin, TIMEOUT_MS).request(request);
}

describe('response body of an upstream service', () => {
  it.each([
    ['application/json', Buffer.from('{"name":"Käse"}')],
    [undefined, Buffer.from('{"name":"Käse"}')],
    ['application/json; charset=UTF-8', Buffer.from('{"name":"Käse"}')],
    ['application/json', Buffer.from('\ufeff{"name":"Käse"}')],
    ['application/json; charset=iso-8859-1', Buffer.from('{"name":"Käse"}', 'latin1')],
    ['application/json;charset="ISO-8859-1"', Buffer.from('{"name":"Käse"}', 'latin1')],
    ['application/json; charset=utf-16le', Buffer.from('{"name":"Käse"}', 'utf16le')],
  ])('is decoded as %s', async (contentType, bytes) => {
    expect((await ask(bytes, contentType)).body).toEqual({ name: 'Käse' });
  });

  it.each([
    ['bytes that are not UTF-8', undefined, Buffer.from('{"name":"Käse"}', 'latin1')],
    ['a charset that does not exist', 'application/json; charset=x-none', Buffer.from('{}')],
    ['a duplicate name', 'application/json', Buffer.from('{"price":1,"quantity":2,"price":3}')],
    ['a nested duplicate name', 'application/json', Buffer.from('{"items":[{"id":1,"\\u0069d":2}]}')],
  ])('is invalid with %s', async (_name, contentType, bytes) => {
    expect(await faultOf(ask(bytes, contentType))).toMatchObject({ kind: 'invalid' });
  });

  it('keeps the status 500 when it can not be decoded', async () => {
    expect(await faultOf(ask(Buffer.from('Ä', 'latin1'), 'text/html', 500))).toMatchObject({
      kind: 'status',
    });
  });
});
