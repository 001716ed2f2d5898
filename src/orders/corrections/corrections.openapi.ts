import { keyReused } from '../../idempotency/idempotency.problems.js';
import { Problem } from '../../platform/http/problem.js';
import type { DocumentedProblem } from '../../platform/http/problem.openapi.js';
import { etagHeader } from '../../platform/http/response-headers.openapi.js';
import { OrderResponse } from '../dto/order.response.js';
import { EXAMPLE_ORDER, IDEMPOTENCY_KEY, ORDER, READ_PROBLEMS } from '../dto/orders.openapi.js';
import { EXAMPLE_ADDRESS } from '../dto/place-order.openapi.js';
import { correctionNotAllowed, ifMatchRequired, orderNotFound, versionConflict } from '../order.problems.js';
import { CorrectOrderDto } from './correct-order.dto.js';

export const CORRECTION_KEY = {
  ...IDEMPOTENCY_KEY,
  description:
    'Up to 255 printable characters, quoted or bare. A retry with the same key corrects nothing again and returns the ' +
    'order as it is then. A refusal is not kept: the same request may succeed later.',
};

export const CORRECTION_BODY = {
  type: CorrectOrderDto,
  examples: {
    address: { summary: 'One line of an address', value: { shipping_address: { line1: '14 Long Street' } } },
    removal: {
      summary: 'No note, and one field of metadata less',
      value: { note: null, metadata: { campaign: null } },
    },
    complete: {
      summary: 'Every field',
      value: {
        customer_name: 'Alice Miller',
        customer_email: 'alice.miller@example.com',
        customer_phone: '+49 30 7654321',
        shipping_address: EXAMPLE_ADDRESS,
        billing_address: null,
        note: 'Please leave it with the neighbour.',
        tags: ['gift', 'express'],
        metadata: { campaign: 'winter', priority: 2, draft: null },
      },
    },
  },
};

export const CORRECTED = {
  status: 200,
  description: 'The order as it is now.',
  type: OrderResponse,
  headers: etagHeader(true),
  example: { ...ORDER, shipping_address: { ...EXAMPLE_ADDRESS, line1: '14 Long Street' }, version: 3 },
};

export const CORRECTION_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'items', message: 'can not be corrected' }]),
  orderNotFound(EXAMPLE_ORDER),
  correctionNotAllowed('shipped', ['shipping_address'], false),
  versionConflict(3),
  ifMatchRequired(),
  413,
  415,
  keyReused(),
  ...READ_PROBLEMS,
];
