import { IDEMPOTENCY_KEY } from '../dto/orders.openapi.js';
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
  },
};
