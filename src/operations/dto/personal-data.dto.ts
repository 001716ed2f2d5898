import { ApiProperty, PickType } from '@nestjs/swagger';
import { PlaceOrderDto } from '../../orders/dto/place-order.dto.js';

/** Body of `POST /operations/personal-data/erase`. The address is found in any case. */
export class ErasePersonalDataDto extends PickType(PlaceOrderDto, ['customer_email'] as const) {}

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
