import { ValidateBy } from 'class-validator';
import { ORDER_STATUS_NAMES, type OrderStatus, parseStatus } from '../order-status.js';

/** A status in a request, as the OpenAPI document describes it: JSON Schema has no words for "in any case". */
export const STATUS_SCHEMA = {
  type: 'string',
  description: `One of ${ORDER_STATUS_NAMES.join(', ')}, in any case. \`Ordered\` means \`confirmed\`.`,
} as const;

export const STATUS_LIST_SCHEMA = {
  type: 'string',
  description: `${STATUS_SCHEMA.description} Several are separated by commas, as in confirmed,processing.`,
} as const;

/** Reads statuses between commas, each once; undefined where one is unknown. */
export function parseStatuses(text: string): OrderStatus[] | undefined {
  const statuses = new Set<OrderStatus>();
  for (const name of text.split(',')) {
    const status = parseStatus(name.trim());
    if (status === undefined) return undefined;
    statuses.add(status);
  }
  return [...statuses];
}

/** One status or several. */
export function IsStatusList(): PropertyDecorator {
  return ValidateBy({
    name: 'isStatusList',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && parseStatuses(value) !== undefined,
      defaultMessage: () => `must be one or more of ${ORDER_STATUS_NAMES.join(', ')}, between commas`,
    },
  });
}

export const STATUS_RULE = `must be one of ${ORDER_STATUS_NAMES.join(', ')}`;

/** A status as clients write it: in any case, or as system B calls it. */
export function IsOrderStatus(): PropertyDecorator {
  return ValidateBy({
    name: 'isOrderStatus',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && parseStatus(value) !== undefined,
      defaultMessage: () => STATUS_RULE,
    },
  });
}
