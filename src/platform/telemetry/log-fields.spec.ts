import { describe, expect, it } from '@jest/globals';
import { QueryFailedError } from 'typeorm';
import { loggedError, withoutEmails } from './log-fields.js';

const EMAIL = 'alice.o-neil+shop@mail.example.com';

describe('an error in the log', () => {
  it('holds its place, and not what was sent to the database or came back', () => {
    const driverError = Object.assign(new Error(`invalid input syntax for type json: "{"e":"${EMAIL}"}"`), {
      code: '22P02',
      detail: `Failing row contains (${EMAIL})`,
      where: `JSON data, line 1: ${EMAIL}`,
    });
    const logged = loggedError(new QueryFailedError('SELECT $1', [EMAIL], driverError));
    expect(logged).toEqual({
      type: 'QueryFailedError',
      message: 'invalid input syntax for type json: "…"',
      code: '22P02',
      stack: expect.stringMatching(/^\s+at .*log-fields\.spec/),
    });
  });

  it('names its causes, however they hang together', () => {
    const error = new Error('outer');
    error.cause = new Error('inner', { cause: error });
    expect(loggedError(error)).toMatchObject({ message: 'outer', cause: { message: 'inner' } });
    expect(loggedError({ customer_email: EMAIL })).toBe('(no error)');
  });
});

describe('an e-mail address', () => {
  it.each([
    [`{"msg":"to ${EMAIL} failed"}`, '{"msg":"to (e-mail) failed"}'],
    [`GET /orders?customer_email=${encodeURIComponent(EMAIL)}`, 'GET /orders?customer_email=(e-mail)'],
    ['{"msg":"to jörg@bücher.example"}', '{"msg":"to (e-mail)"}'],
    [
      'at x (/app/node_modules/@nestjs/core/router.js:1:2)',
      'at x (/app/node_modules/@nestjs/core/router.js:1:2)',
    ],
  ])('is taken out of %s', (line, expected) => {
    expect(withoutEmails(line)).toBe(expected);
  });
});
