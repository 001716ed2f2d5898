import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CURRENCIES, currencyDecimals } from '../../config/currencies.js';
import { type Charge, CHARGE_TYPES } from '../details/order-details.js';
import {
  chargesTotalOf,
  fitsCurrency,
  grandTotalOf,
  isNegative,
  isRepresentable,
  sameAmount,
  toJsonNumber,
  totalOf,
  totalsOf,
  unitsByProduct,
} from './order-pricing.js';

const SCALE = 10_000n;

/** An amount in ten-thousandths, the smallest unit that any currency is stored in, and its digits. */
const amounts = fc.bigInt({ min: 0n, max: 10n ** 9n }).map((units) => ({
  units,
  digits: `${units / SCALE}.${(units % SCALE).toString().padStart(4, '0')}`,
}));

const lines = fc.array(fc.record({ price: amounts, quantity: fc.integer({ min: 1, max: 1_000_000 }) }), {
  minLength: 1,
  maxLength: 50,
});

const priced = (line: { price: { digits: string }; quantity: number }) => ({
  price: line.price.digits,
  quantity: line.quantity,
});

describe('the total', () => {
  it('is exact: the same as integers give', () => {
    fc.assert(
      fc.property(lines, (all) => {
        const units = all.reduce((sum, line) => sum + line.price.units * BigInt(line.quantity), 0n);
        const expected = `${units / SCALE}.${(units % SCALE).toString().padStart(4, '0')}`;
        expect(sameAmount(totalOf(all.map(priced)), expected)).toBe(true);
      }),
    );
  });

  it('does not depend on the order of the lines', () => {
    fc.assert(
      fc.property(lines, (all) => {
        expect(totalOf(all.map(priced))).toBe(totalOf(all.toReversed().map(priced)));
      }),
    );
  });

  it('is where binary numbers go wrong', () => {
    expect(totalOf([{ price: '0.1', quantity: 3 }])).toBe('0.3');
    expect(totalOf([])).toBe('0');
  });

  it('survives as a JSON number as long as it is representable', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }), (units) => {
        const digits = `${units / SCALE}.${(units % SCALE).toString().padStart(4, '0')}`;
        expect(isRepresentable(digits)).toBe(true);
        expect(sameAmount(String(toJsonNumber(digits)), digits)).toBe(true);
      }),
    );
    expect(isRepresentable('100000000000')).toBe(false);
    expect(isRepresentable('99999999999.9999')).toBe(true);
  });
});

/** Charges as clients send them, with the ten-thousandths that they add. */
const charges = fc.array(
  fc
    .record({
      type: fc.constantFrom(...CHARGE_TYPES),
      units: fc.bigInt({ min: 0n, max: 10n ** 9n }),
      included: fc.option(fc.boolean(), { nil: undefined }),
    })
    .map(({ type, units: size, included }) => {
      const units = type === 'discount' ? -size : size;
      const charge: Charge = {
        type,
        amount: Number(units) / 10_000,
        ...(included !== undefined && { included }),
      };
      return { charge, added: included === true ? 0n : units };
    }),
  { maxLength: 20 },
);

/** Decimal digits of ten-thousandths. */
function digitsOf(units: bigint): string {
  const size = units < 0n ? -units : units;
  const digits = `${size / SCALE}.${(size % SCALE).toString().padStart(4, '0')}`;
  return units < 0n ? `-${digits}` : digits;
}

describe('the total with charges', () => {
  it('is exact: the same as integers give', () => {
    fc.assert(
      fc.property(lines, charges, (all, more) => {
        const ofLines = all.reduce((sum, line) => sum + line.price.units * BigInt(line.quantity), 0n);
        const added = more.reduce((sum, charge) => sum + charge.added, 0n);
        const chargesTotal = chargesTotalOf(more.map(({ charge }) => charge));
        expect(sameAmount(chargesTotal, digitsOf(added))).toBe(true);
        const total = grandTotalOf(totalOf(all.map(priced)), chargesTotal);
        expect(sameAmount(total, digitsOf(ofLines + added))).toBe(true);
        expect(isNegative(total)).toBe(ofLines + added < 0n);
      }),
    );
  });

  it('is shown in parts that add up to it', () => {
    fc.assert(
      fc.property(lines, charges, (all, more) => {
        const subtotal = totalOf(all.map(priced));
        const chargesTotal = chargesTotalOf(more.map(({ charge }) => charge));
        const total = grandTotalOf(subtotal, chargesTotal);
        const parts = totalsOf(total, chargesTotal);
        expect(sameAmount(parts.subtotal ?? '', subtotal)).toBe(true);
        expect(grandTotalOf(parts.subtotal ?? '', parts.charges)).toBe(total);
      }),
    );
  });

  it('is the total of the lines without charges, and unknown until the order is priced', () => {
    expect(totalsOf('159.9800', null)).toEqual({ subtotal: '159.9800', charges: '0', total: '159.9800' });
    expect(totalsOf(null, '4.9900')).toEqual({ subtotal: null, charges: '4.9900', total: null });
    expect(chargesTotalOf([])).toBe('0');
  });
});

describe('amounts', () => {
  it.each([
    ['79.99', 'USD', true],
    ['79.990', 'USD', true],
    ['79.999', 'USD', false],
    ['100', 'JPY', true],
    ['100.5', 'JPY', false],
    ['1.234', 'KWD', true],
    ['1.2345', 'KWD', false],
    ...['HUF', 'IDR', 'PKR', 'COP', 'ALL', 'LBP', 'MMK', 'AFN'].map((currency): [string, string, boolean] => [
      '12.5',
      currency,
      true,
    ]),
    ['1.125', 'IQD', true],
    ['12.25', 'MGA', true],
    ['12.25', 'MRU', true],
    ['1.2345', 'CLF', true],
    ['12.5', 'ISK', false],
    ['12.345', 'HUF', false],
    ['12.3456', 'DEM', true],
  ])('%s in %s: %s', (amount, currency, fits) => {
    expect(fitsCurrency(amount, currency)).toBe(fits);
  });

  it('are equal in every notation', () => {
    expect(sameAmount('80', '80.0000')).toBe(true);
    expect(sameAmount('80', '80.0001')).toBe(false);
  });

  it('have no more decimals in any currency than the columns keep', () => {
    for (const currency of CURRENCIES) expect(currencyDecimals(currency)).toBeLessThanOrEqual(4);
  });
});

describe('currencies', () => {
  it.each(['USD', 'EUR', 'HUF', 'XCG', 'ZWG', 'SLE', 'VED', 'XOF'])('include %s, which is in use', (code) => {
    expect(CURRENCIES).toContain(code);
  });

  it.each([
    ...['DEM', 'HRK', 'BGN', 'ANG', 'ZWL', 'SLL', 'CUC'].map((code) => [code, 'withdrawn']),
    ['XAU', 'gold'],
    ['XTS', 'the code for tests'],
    // No mark of unfinished work: the code of ISO 4217 for "no currency".
    ['XXX', 'the code for the absence of a currency'],
  ])('do not include %s: %s', (code) => {
    expect(CURRENCIES).not.toContain(code);
  });
});

describe('units', () => {
  it('of one product are summed over its lines', () => {
    const items = [
      { productId: 'a', quantity: 2 },
      { productId: 'b', quantity: 1 },
      { productId: 'a', quantity: 3 },
    ];
    expect([...unitsByProduct(items)]).toEqual([
      ['a', 5],
      ['b', 1],
    ]);
  });
});
