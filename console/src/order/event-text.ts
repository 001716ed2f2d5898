import type { OrderEvent } from '../api/types.ts';

/** What an event says, in a few words. */
export function describeEvent({ type, from, to }: Pick<OrderEvent, 'type' | 'from' | 'to'>): string {
  switch (type) {
    case 'placed':
      return 'Placed';
    case 'status_changed':
      return `${from ?? ''} → ${to ?? ''}`;
    case 'stock_released':
      return 'Stock given back';
    case 'stock_in_doubt':
      return 'Stock in doubt: nobody knows whether it is held';
    case 'incident_settled':
      return 'Incident settled';
    case 'personal_data_erased':
      return 'Name and e-mail erased';
  }
}
