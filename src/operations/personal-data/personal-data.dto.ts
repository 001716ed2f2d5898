import { ApiProperty } from '@nestjs/swagger';
import { MAX_EMAIL_LENGTH } from '../../orders/addresses/email-address.js';
import { IsStorableEmail } from '../../orders/dto/text.decorators.js';

/** Body of `POST /operations/personal-data/erase`. */
export class ErasePersonalDataDto {
  @ApiProperty({
    type: 'string',
    format: 'email',
    maxLength: MAX_EMAIL_LENGTH,
    example: 'alice@example.com',
    description: 'Finds the same orders as the filter `customer_email` of the list.',
  })
  @IsStorableEmail()
  customer_email!: string;
}

export class ErasureResponse {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    example: 3,
    description: 'Number of orders from which something was erased.',
  })
  count!: number;

  @ApiProperty({
    example: false,
    description: 'Whether there may be more orders: one call takes a limited time. Call again then.',
  })
  more!: boolean;
}
