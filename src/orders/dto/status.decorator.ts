import { ValidateBy } from 'class-validator';
import { ORDER_STATUS_NAMES, parseStatus } from '../order-status.js';

/** A status as clients write it: in any case, or as system B calls it. */
export function IsOrderStatus(): PropertyDecorator {
  return ValidateBy({
    name: 'isOrderStatus',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && parseStatus(value) !== undefined,
      defaultMessage: () => `must be one of ${ORDER_STATUS_NAMES.join(', ')}`,
    },
  });
}
