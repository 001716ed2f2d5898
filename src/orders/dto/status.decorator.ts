import { ValidateBy } from 'class-validator';
import { ORDER_STATUS_NAMES, parseStatus } from '../order-status.js';

/** A status in a request, as the OpenAPI document describes it: JSON Schema has no words for "in any case". */
export const STATUS_SCHEMA = {
  type: 'string',
  description: `One of ${ORDER_STATUS_NAMES.join(', ')}, in any case. \`Ordered\` means \`confirmed\`.`,
} as const;

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
