import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NoShoppingCarts } from '../../src/carts/no-shopping-carts.js';
import { ShoppingCartServiceAdapter } from '../../src/carts/shopping-cart-service.adapter.js';
import { Deadline } from '../../src/platform/deadline.js';
import type { FaultRule } from '../../sandbox/faults.js';
import { startSandbox } from '../../sandbox/sandbox.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { cleanUp, clientFor, startUpstream } from './upstream-stub.js';

const TIMEOUT_MS = 1_000;

/** For responses of several megabytes on a busy machine. */
const LONG_TIMEOUT_MS = 10_000;

const CARTS = [
  { customer_id: '1', items: [{ product_id: '5', quantity: 2 }] },
  {
    customer_id: 'c/ü',
    items: [
      { product_id: 'A-1', quantity: 1 },
      { product_id: '7', quantity: 3 },
    ],
  },
  { customer_id: 'nothing', items: [] },
];

function soon(milliseconds = 5_000): Deadline {
  return Deadline.in(milliseconds);
}

afterAll(cleanUp);

describe.each([false, true])(
  'Shopping Cart Service adapter (carts carry their items: %s)',
  (cartsCarryItems) => {
    let sandbox: Sandbox;
    let carts: ShoppingCartServiceAdapter;

    beforeAll(async () => {
      sandbox = await startSandbox({
        ports: { carts: 0 },
        services: ['carts'],
        carts: CARTS,
        cartsCarryItems,
      });
    });
    beforeEach(() => {
      sandbox.reset();
      // A client counts the failures of the service, so each test starts with a new client.
      carts = new ShoppingCartServiceAdapter(clientFor(sandbox.urls.carts, TIMEOUT_MS));
    });
    afterAll(() => sandbox.close());

    const disturb = (rule: FaultRule): number => sandbox.services.carts.faults.add(rule);
    const ordered = (): string[] =>
      sandbox.carts.changes
        .all()
        .filter(({ to, replay }) => to === 'Ordered' && !replay)
        .map(({ customer_id }) => customer_id);

    it('is enabled', () => {
      expect(carts.enabled).toBe(true);
    });

    it('returns the lines of the requested cart only, with all ids as text', async () => {
      expect(await carts.findActiveCart('1', soon())).toEqual({
        id: '1',
        customerId: '1',
        items: [{ productId: '5', quantity: 2 }],
      });
      expect(await carts.findActiveCart('c/ü', soon())).toEqual({
        id: '2',
        customerId: 'c/ü',
        items: [
          { productId: 'A-1', quantity: 1 },
          { productId: '7', quantity: 3 },
        ],
      });
      expect(await carts.findActiveCart('nothing', soon())).toEqual({
        id: '3',
        customerId: 'nothing',
        items: [],
      });
    });

    it('finds no cart for an unknown customer or an ordered cart', async () => {
      for (const stranger of ['2', '..', '']) expect(await carts.findActiveCart(stranger, soon())).toBeNull();
      await carts.markOrdered('1', 'key', soon());
      expect(await carts.findActiveCart('1', soon())).toBeNull();
    });

    it('checks out a cart once when the call is repeated', async () => {
      await carts.markOrdered('1', 'key', soon());
      await carts.markOrdered('1', 'key', soon());
      await carts.markOrdered('1', 'another', soon());
      expect(ordered()).toEqual(['1']);
      expect(sandbox.services.carts.calls.all().map(({ key }) => key)).toEqual(['key', 'key', 'another']);
    });

    it('reports 404 of a checkout as invalid, since the cart was active a moment before', async () => {
      await expect(carts.markOrdered('stranger', 'key', soon())).rejects.toMatchObject({ kind: 'invalid' });
    });

    it('reads again before it reports that a customer has no cart', async () => {
      disturb({ kind: 'status', status: 404, times: 1 });
      expect(await carts.findActiveCart('1', soon())).toMatchObject({ id: '1' });
    });

    it.each<FaultRule>([
      { kind: 'reset', when: 'after', times: 1 },
      { kind: 'status', status: 503, times: 2 },
      { kind: 'garbage', times: 1 },
      { kind: 'hang', times: 1 },
      { kind: 'refuse', times: 2 },
    ])('retries a lookup after %j, and calls a checkout once', async (rule) => {
      disturb(rule);
      expect(await carts.findActiveCart('1', soon())).toMatchObject({ id: '1' });
      sandbox.services.carts.faults.clear();
      sandbox.services.carts.calls.clear();
      disturb({ ...rule, method: 'PUT' });
      await expect(carts.markOrdered('1', 'key', soon())).rejects.toMatchObject({ name: 'UpstreamFault' });
      expect(sandbox.services.carts.calls.all().filter(({ method }) => method === 'PUT')).toHaveLength(1);
    });

    it.each<[FaultRule, string]>([
      [{ kind: 'status', status: 500 }, 'status'],
      [{ kind: 'status', status: 403 }, 'status'],
      [{ kind: 'garbage' }, 'garbage'],
      [{ kind: 'reset', when: 'after' }, 'connection'],
      [{ kind: 'hang' }, 'timeout'],
    ])('reports %j as a fault of kind %s', async (rule, kind) => {
      disturb(rule);
      await expect(carts.findActiveCart('1', soon(2_500))).rejects.toMatchObject({
        name: 'UpstreamFault',
        kind,
      });
      await expect(carts.markOrdered('1', 'key', soon(2_500))).rejects.toMatchObject({
        name: 'UpstreamFault',
        kind,
      });
    });

    it('does not treat a fault of the second call as an empty cart', async () => {
      if (cartsCarryItems) return;
      disturb({ kind: 'status', status: 404, path: '/cart_items' });
      await expect(carts.findActiveCart('1', soon())).rejects.toMatchObject({ kind: 'invalid' });
    });
  },
);

describe('cart response', () => {
  let answers: Record<string, unknown> = {};
  let status = 200;
  let carts: ShoppingCartServiceAdapter;

  beforeAll(async () => {
    const upstream = await startUpstream((request, response) => {
      const answer = answers[request.url ?? ''];
      response.statusCode = status;
      response.end(answer === undefined ? '' : JSON.stringify(answer));
    });
    carts = new ShoppingCartServiceAdapter(clientFor(upstream.origin, LONG_TIMEOUT_MS));
  });
  beforeEach(() => {
    answers = {};
    status = 200;
  });

  const cart = { id: 1, customer_id: 1, status: 'active' };

  it.each([
    ['no cart', {}],
    ['no id', { cart: { ...cart, id: null } }],
    ['a line break in its id', { cart: { ...cart, id: 'c\n1' } }],
    ['a blank id', { cart: { ...cart, id: ' ' } }],
    [
      'a zero-width space in a product',
      { cart: { ...cart, items: [{ product_id: '1\u{200B}', quantity: 1 }] } },
    ],
    ['no customer', { cart: { ...cart, customer_id: undefined } }],
    ['no status', { cart: { ...cart, status: 3 } }],
    ['lines that are not a list', { cart: { ...cart, items: {} } }],
    ['a line without a product', { cart: { ...cart, items: [{ quantity: 1 }] } }],
    ['a line without a quantity', { cart: { ...cart, items: [{ product_id: 1 }] } }],
    ['a fractional quantity', { cart: { ...cart, items: [{ product_id: 1, quantity: 0.5 }] } }],
    ['a negative quantity', { cart: { ...cart, items: [{ product_id: 1, quantity: -1 }] } }],
  ])('is rejected as invalid: %s', async (_, answer) => {
    answers = { '/carts/1': answer };
    await expect(carts.findActiveCart('1', soon())).rejects.toMatchObject({ kind: 'invalid' });
  });

  it.each(['Ordered', 'ORDERED', 'abandoned'])('with the status %s is not an active cart', async (other) => {
    answers = { '/carts/1': { cart: { ...cart, status: other, items: [] } } };
    expect(await carts.findActiveCart('1', soon())).toBeNull();
  });

  it.each(['Active', 'ACTIVE', 'active'])('with the status %s is an active cart', async (active) => {
    answers = { '/carts/1': { cart: { ...cart, status: active, items: [] } } };
    expect(await carts.findActiveCart('1', soon())).toEqual({ id: '1', customerId: '1', items: [] });
  });

  it('is rejected when the cart belongs to another customer', async () => {
    answers = { '/carts/2': { cart: { ...cart, items: [] } } };
    await expect(carts.findActiveCart('2', soon())).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('is ignored when its customer id has another spelling', async () => {
    answers = { '/carts/01': { cart: { ...cart, items: [] } } };
    expect(await carts.findActiveCart('01', soon())).toBeNull();
  });

  it('omits lines without units, and ignores invalid lines of other carts', async () => {
    const items = [
      { product_id: 1, quantity: 0, cart_id: 1 },
      { product_id: 2, quantity: 1, cart_id: '1' },
      { product_id: 3, quantity: 1, cart_id: 11 },
      { quantity: 'many', cart_id: null },
    ];
    answers = { '/carts/1': { cart }, '/cart_items': { items } };
    expect((await carts.findActiveCart('1', soon()))?.items).toEqual([{ productId: '2', quantity: 1 }]);
  });

  it('may have several megabytes when it holds the lines of all carts, up to a limit', async () => {
    const others = Array.from({ length: 60_000 }, (_, id) => ({
      id,
      product_id: 1,
      quantity: 1,
      cart_id: 2,
    }));
    const items = [...others, { id: 0, product_id: 7, quantity: 1, cart_id: 1 }];
    answers = { '/carts/1': { cart }, '/cart_items': { items } };
    expect((await carts.findActiveCart('1', soon(2 * LONG_TIMEOUT_MS)))?.items).toEqual([
      { productId: '7', quantity: 1 },
    ]);
    answers['/cart_items'] = { items: ['x'.repeat(11 * 1024 * 1024)] };
    await expect(carts.findActiveCart('1', soon(2 * LONG_TIMEOUT_MS))).rejects.toMatchObject({
      kind: 'garbage',
    });
  });

  it.each([200, 202, 204])('may be empty with %d after a checkout', async (done) => {
    status = done;
    await expect(carts.markOrdered('1', 'key', soon())).resolves.toBeUndefined();
  });
});

describe('adapter without a cart service', () => {
  it('finds no cart, and can check out none', async () => {
    const carts = new NoShoppingCarts();
    expect(carts.enabled).toBe(false);
    expect(await carts.findActiveCart()).toBeNull();
    await expect(carts.markOrdered()).rejects.toThrow('SHOPPING_CART_SERVICE_URL');
  });
});
