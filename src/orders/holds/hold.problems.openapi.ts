import { problemDecorator } from '../../platform/http/problem.openapi.js';
import { OrderProblemResponse } from '../dto/order-problem.response.js';
import type { OrderProblemName } from '../order.problems.js';
import type { PaymentProblemName } from '../payments/payment.problems.js';
import type { HoldProblemName } from './hold.problems.js';

/** Documents the errors of an operation on the hold of an order. */
export const ApiHoldProblems = problemDecorator<OrderProblemName | PaymentProblemName | HoldProblemName>(
  OrderProblemResponse,
);
