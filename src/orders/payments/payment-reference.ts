/** ISO/IEC 7812: numbers of payment cards, whose first digit is that of a network of cards. */
const CARD_NUMBER = /^[2-6]\d{12,18}$/;

const SEPARATORS = /[ -]/g;

const ZERO = '0'.charCodeAt(0);

/**
 * Why a text can not be the reference of a payment; undefined where it can. References are never erased, so they must not be
 * personal data: the two that clients send by mistake are refused.
 */
export function referenceError(reference: string): string | undefined {
  if (reference.includes('@')) return 'must not be an e-mail address';
  const digits = reference.normalize('NFKC').replaceAll(SEPARATORS, '');
  return CARD_NUMBER.test(digits) && hasLuhnCheckDigit(digits)
    ? 'must be the id of the payment, not a card number'
    : undefined;
}

/** ISO/IEC 7812-1, annex B. Of numbers that are no card numbers one in ten has it, too. */
function hasLuhnCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - ZERO;
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
