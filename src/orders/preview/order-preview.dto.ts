import { IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { PlaceOrderDto } from '../dto/place-order.dto.js';

/** Required by an order but not by its preview, which sends no notification. */
const ABOUT_THE_CUSTOMER = ['customer_name', 'customer_email'] as const;

/** Body of `POST /orders/preview`: that of `POST /orders`, with optional customer data. */
export class PreviewOrderDto extends IntersectionType(
  PartialType(PickType(PlaceOrderDto, ABOUT_THE_CUSTOMER), { skipNullProperties: false }),
  OmitType(PlaceOrderDto, ABOUT_THE_CUSTOMER),
) {}
