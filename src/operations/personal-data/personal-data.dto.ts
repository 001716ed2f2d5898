import { MAX_EMAIL_LENGTH } from '../../orders/addresses/email-address.js';
import { Count, Flag, Text } from '../../platform/http/fields.openapi.js';
import { IsStorableEmail } from '../../orders/dto/text.decorators.js';

/** Body of `POST /operations/personal-data/erase`. */
export class ErasePersonalDataDto {
  @Text('alice@example.com', 'Finds the same orders as the filter `customer_email` of the list.', {
    format: 'email',
    maxLength: MAX_EMAIL_LENGTH,
  })
  @IsStorableEmail()
  customer_email!: string;
}

export class ErasureResponse {
  @Count(3, 'Number of orders from which something was erased.')
  count!: number;

  @Flag(false, 'Whether there may be more orders: one call takes a limited time. Call again then.')
  more!: boolean;
}
