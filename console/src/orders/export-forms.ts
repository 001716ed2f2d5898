import type { ExportForm } from './export.ts';

/** Sets of columns for CSV, by what they are used for. */
export const COLUMN_SETS = {
  usual: 'The usual ones',
  accounting: 'Amounts, charges and taxes',
  shipping: 'Addresses and products',
  all: 'All of them',
} as const;

export type ColumnSet = keyof typeof COLUMN_SETS;

export type ExportRows = NonNullable<ExportForm['rows']>;

const ORDER = 'order_id,number,timestamp,status';
const CUSTOMER = 'customer_id,customer_name,customer_email,customer_phone';
const CHARGES =
  'subtotal_amount,shipping_amount,tax_amount,discount_amount,fee_amount,charges_amount,included_tax_amount';
const SHIPPING = addressOf('shipping');
const LINE = 'line,product_id,product_name,sku,options,line_metadata,quantity,price,line_total';

const ORDER_COLUMNS: Record<Exclude<ColumnSet, 'usual'>, string> = {
  accounting: `${ORDER},source,source_order_id,currency,${CHARGES},total_amount`,
  shipping: `${ORDER},customer_name,customer_phone,${SHIPPING},note,tags`,
  all:
    `${ORDER},version,updated_at,failure,source,source_order_id,${CUSTOMER},${SHIPPING},${addressOf('billing')},` +
    `note,tags,metadata,currency,item_count,unit_count,${CHARGES},total_amount`,
};

const LINE_COLUMNS: Record<Exclude<ColumnSet, 'usual'>, string> = {
  accounting: 'line,product_id,sku,quantity,price,line_total',
  shipping: 'line,product_id,product_name,sku,options,quantity',
  all: LINE,
};

/** The columns of a set; undefined for those that the service has without a choice. */
export function columnsOf(set: ColumnSet, rows: ExportRows): string | undefined {
  if (set === 'usual') return undefined;
  return rows === 'orders' ? ORDER_COLUMNS[set] : `${ORDER_COLUMNS[set]},${LINE_COLUMNS[set]}`;
}

function addressOf(kind: string): string {
  return ['name', 'company', 'line1', 'line2', 'postal_code', 'city', 'region', 'country']
    .map((part) => `${kind}_${part}`)
    .join();
}
