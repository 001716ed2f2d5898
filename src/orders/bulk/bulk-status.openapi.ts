import { keyReused } from '../../idempotency/idempotency.problems.js';
import { Problem } from '../../platform/http/problem.js';
import type { DocumentedProblem } from '../../platform/http/problem.openapi.js';
import { EXAMPLE_ORDER, IDEMPOTENCY_KEY, READ_PROBLEMS } from '../dto/orders.openapi.js';
import { ifMatchRequired, transitionNotAllowed } from '../order.problems.js';
import { BulkStatusDto } from './bulk-status.dto.js';
import { BulkStatusResponse } from './bulk-status.response.js';

const OTHER_ORDER = '01a1ffe2-920a-7105-b340-3b05f5c1c796';

export const BULK_KEY = {
  ...IDEMPOTENCY_KEY,
  description:
    'Up to 255 printable characters, quoted or bare. A retry with the same key returns the stored results and retries ' +
    'orders without a certain result. A retry without a key is safe too: orders already in the status are `unchanged`.',
};

export const BULK_BODY = {
  type: BulkStatusDto,
  examples: {
    shipped: {
      summary: 'What left today',
      value: {
        status: 'shipped',
        reason: 'Left with the courier',
        orders: [{ order_id: EXAMPLE_ORDER, version: 2 }, { order_id: OTHER_ORDER }],
      },
    },
  },
};

export const BULK_CHANGED = {
  status: 200,
  description: 'The result of each order.',
  type: BulkStatusResponse,
  example: {
    status: 'shipped',
    changed: 1,
    unchanged: 0,
    refused: 1,
    results: [
      { order_id: EXAMPLE_ORDER, outcome: 'changed', status: 'shipped', version: 3 },
      {
        order_id: OTHER_ORDER,
        outcome: 'refused',
        problem: transitionNotAllowed('cancelled', 'shipped', []).toBody(),
      },
    ],
  },
};

export const BULK_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'orders[1].order_id', message: 'must not appear twice' }]),
  413,
  415,
  keyReused(),
  ifMatchRequired(),
  ...READ_PROBLEMS,
];
