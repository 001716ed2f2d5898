import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from './signature.js';

const MESSAGE = {
  id: '01a1ffe2-9b80-748a-ba30-787d85a2b441/2',
  body: '{"type":"order.confirmed","note":"ü€"}',
};

const newSecret = (bytes = 32): string => `whsec_${randomBytes(bytes).toString('base64')}`;

describe('the signature of a delivery', () => {
  it('is the one that Standard Webhooks gives as an example', () => {
    const headers = signatureHeaders(
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' },
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      new Date(1_614_265_330_000),
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it.each([24, 32, 64])('is verified by the library for receivers, with a secret of %i bytes', (bytes) => {
    const secret = newSecret(bytes);
    const headers = signatureHeaders(MESSAGE, [secret], new Date());
    expect(new Webhook(secret).verify(MESSAGE.body, headers)).toEqual(JSON.parse(MESSAGE.body));
    expect(() => new Webhook(newSecret()).verify(MESSAGE.body, headers)).toThrow('No matching signature');
    expect(() => new Webhook(secret).verify(MESSAGE.body.replace('€', '$'), headers)).toThrow(
      'No matching signature',
    );
  });

  it('is verified with either of two secrets during a rotation', () => {
    const secrets = [newSecret(), newSecret()];
    const headers = signatureHeaders(MESSAGE, secrets, new Date());
    for (const secret of secrets)
      expect(new Webhook(secret).verify(MESSAGE.body, headers)).toEqual(JSON.parse(MESSAGE.body));
  });

  it('is refused by the library once it is older than five minutes', () => {
    const secret = newSecret();
    const headers = signatureHeaders(MESSAGE, [secret], new Date(Date.now() - 301_000));
    expect(() => new Webhook(secret).verify(MESSAGE.body, headers)).toThrow('too old');
  });
});
