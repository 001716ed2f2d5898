import { IDEMPOTENCY_KEY } from '../dto/orders.openapi.js';

export const BULK_KEY = {
  ...IDEMPOTENCY_KEY,
  description:
    'Up to 255 printable characters, quoted or bare. A retry with the same key returns the stored results and retries ' +
    'orders without a certain result. A retry without a key is safe too: orders already in the status are `unchanged`.',
};
