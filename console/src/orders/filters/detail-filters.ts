/** Filters on details of an order, by their parameter in the API and in the address. */
export interface DetailFilters {
  source: string;
  source_order_id: string;
  tag: string;
  /** Bounds of the total, both included, in decimal digits: the currency is that of each order. */
  total_min: string;
  total_max: string;
}

export type DetailName = keyof DetailFilters;

interface Detail {
  label: string;
  /** As the service takes it. */
  maxLength: number;
  /** What the whole text must match, and the words for it. */
  pattern?: string;
  hint?: string;
}

/** As many digits and decimals as the service takes. */
const AMOUNT = { maxLength: 16, pattern: String.raw`\d{1,11}(\.\d{1,4})?`, hint: 'An amount such as 12.50' };

export const DETAILS: Record<DetailName, Detail> = {
  source: { label: 'Source', maxLength: 64 },
  source_order_id: { label: 'Order ID in the source', maxLength: 128 },
  tag: { label: 'Tag', maxLength: 50 },
  total_min: { label: 'Total from', ...AMOUNT },
  total_max: { label: 'Total up to', ...AMOUNT },
};

/** In the order in which they are shown. */
export const DETAIL_NAMES = Object.keys(DETAILS) as DetailName[];

export const NO_DETAILS: DetailFilters = {
  source: '',
  source_order_id: '',
  tag: '',
  total_min: '',
  total_max: '',
};

/** Whether the service takes the text as the value of the filter. */
export function isDetail(name: DetailName, text: string): boolean {
  const { maxLength, pattern = '.*' } = DETAILS[name];
  return text.length <= maxLength && new RegExp(`^(${pattern})$`, 's').test(text);
}

/** Those of the filters that narrow the list down. */
export function detailParams(filters: DetailFilters): Partial<DetailFilters> {
  return Object.fromEntries(
    DETAIL_NAMES.flatMap((name) => (filters[name] === '' ? [] : [[name, filters[name]]])),
  );
}

/** Whether the lowest total is above the highest, so that no order can be between them. */
export function hasReversedTotals({ total_min: min, total_max: max }: DetailFilters): boolean {
  return min !== '' && max !== '' && Number(min) > Number(max);
}
