import { getSchemaPath } from '@nestjs/swagger';
import { EXAMPLE_ID, EXAMPLE_TIME } from '../../platform/http/fields.openapi.js';
import { header } from '../../platform/http/response-headers.openapi.js';
import { OrderResponse } from '../dto/order.response.js';

const CSV_EXAMPLE =
  '"order_id","timestamp","status","version","updated_at","failure","customer_id","customer_name","customer_email",' +
  '"currency","order_total","line","product_id","product_name","quantity","price","line_total"\r\n' +
  `"${EXAMPLE_ID}","${EXAMPLE_TIME}","confirmed",2,"${EXAMPLE_TIME}",,"42","Alice Johnson",` +
  '"alice@example.com","USD",164.97,1,"PROD001","Wireless Headphones",2,79.99,159.98\r\n' +
  '"end of export: 1 orders",,,,,,,,,,,,,,,,\r\n';

const CSV_OF_ORDERS_EXAMPLE =
  '"order_id","number","total_amount","metadata.campaign"\r\n' +
  `"${EXAMPLE_ID}","1001",164.97,"autumn"\r\n` +
  '"end of export: 1 orders",,,\r\n';

/** The last line of NDJSON. */
const EXPORT_END = {
  type: 'object',
  required: ['count'],
  additionalProperties: false,
  properties: {
    count: { type: 'integer', minimum: 0, description: 'The number of orders before this line.' },
  },
};

const COUNT = { pattern: '^[0-9]+$', example: '3' };

export const EXPORTED = {
  description:
    'The orders, newest first. The last line is `{"count": 1}` in NDJSON, and in CSV a row that begins with ' +
    '`end of export: 1 orders`. If the export fails, the line is missing and the connection is reset.',
  headers: {
    ...header('Content-Disposition', 'Has browsers save the answer, under a name with the time.', {
      required: true,
      example: 'attachment; filename="orders-20261121T205323Z.csv"',
    }),
    ...header('X-Total-Count', 'The number of orders. Only in the response to `HEAD`.', COUNT),
  },
  content: {
    'text/csv': {
      schema: { type: 'string' },
      examples: {
        lines: { summary: 'A row for each line', value: CSV_EXAMPLE },
        orders: { summary: 'A row for each order, with chosen columns', value: CSV_OF_ORDERS_EXAMPLE },
      },
    },
    'application/x-ndjson': {
      schema: { oneOf: [{ $ref: getSchemaPath(OrderResponse) }, EXPORT_END], description: 'Each line.' },
    },
  },
};
