import { Problem } from '../../platform/http/problem.js';
import type { DocumentedProblem } from '../../platform/http/problem.openapi.js';
import { CART_PROBLEMS, READ_PROBLEMS } from '../dto/orders.openapi.js';
import { customerNotAllowed } from '../ownership.js';
import { PlaceCustomerOrderDto } from '../dto/place-order.dto.js';
import { PreviewOrderDto } from './order-preview.dto.js';
import { OrderPreviewResponse } from './order-preview.response.js';

const ITEMS = [{ product_id: 'PROD001', quantity: 2 }];

export const PREVIEW_BODY = {
  type: PreviewOrderDto,
  examples: { items: { summary: 'What the customer has chosen', value: { items: ITEMS } } },
};

export const PREVIEW_CUSTOMER_BODY = {
  type: PlaceCustomerOrderDto,
  required: false,
  examples: { items: { summary: 'Something other than the cart', value: { items: ITEMS } } },
};

export const PREVIEW = {
  status: 200,
  description: 'What the order would come to.',
  type: OrderPreviewResponse,
};

export const PREVIEW_PROBLEMS: DocumentedProblem[] = [
  Problem.invalidRequest([{ field: 'items[0].quantity', message: 'must be at least 1' }]),
  customerNotAllowed('42'),
  413,
  415,
  'upstream-unavailable',
  'upstream-answer-invalid',
  ...READ_PROBLEMS,
];

export const PREVIEW_CART_PROBLEMS: DocumentedProblem[] = [...PREVIEW_PROBLEMS, ...CART_PROBLEMS];
