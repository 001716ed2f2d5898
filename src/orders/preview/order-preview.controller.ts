import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { ApiOrderProblems } from '../dto/order-problem.response.js';
import { CART_PROBLEMS, ITEM_PROBLEMS } from '../dto/orders.openapi.js';
import { PlaceCustomerOrderDto, toPlacementRequest } from '../dto/place-order.dto.js';
import { PLACE_CUSTOMER_ORDER_BODY } from '../dto/place-order.openapi.js';
import { requireNewId } from '../dto/text.decorators.js';
import { customerFor, requireNumberAllowed } from '../ownership.js';
import { BoundedPlacements } from '../place-order/bounded-placements.js';
import { PreviewOrderDto } from './order-preview.dto.js';
import { OrderPreviewResponse } from './order-preview.response.js';
import { OrderPreview } from './order-preview.js';

/**
 * Previews ask the same services as orders do, so they count among the orders that are placed at the same time.
 *
 * The fixed path wins over `POST /orders/{customer_id}`: for a customer called `preview` an order names it in its body.
 */
@ApiTags('orders')
@Controller('orders')
export class OrderPreviewController {
  constructor(private readonly previews: OrderPreview) {}

  @Post('preview')
  @RequireScopes('orders:place')
  @HttpCode(200)
  @BoundedPlacements()
  @ApiOperation({
    operationId: 'previewOrder',
    summary: 'What an order would cost, and whether it can be placed',
    description:
      'Nothing is stored or reserved: what is there now may be gone when the order is placed. References are not checked.',
  })
  @ApiOkResponse({ description: 'What the order would come to.', type: OrderPreviewResponse })
  @ApiOrderProblems(...ITEM_PROBLEMS)
  async preview(
    @Body() body: PreviewOrderDto,
    @CurrentCaller() caller: Caller,
  ): Promise<OrderPreviewResponse> {
    requireNumberAllowed(caller, body.number);
    const request = toPlacementRequest(body, customerFor(caller, body.customer_id));
    return OrderPreviewResponse.from(await this.previews.preview(request));
  }

  @Post(':customer_id/preview')
  @RequireScopes('orders:place')
  @HttpCode(200)
  @BoundedPlacements()
  @ApiOperation({
    operationId: 'previewCustomerOrder',
    summary: 'What the order of a customer would cost, and whether it can be placed',
    description: "Without items, or without a body, it is about the customer's shopping cart.",
  })
  @ApiParam({ name: 'customer_id', description: 'Id of the customer, text or integer.', example: '1' })
  @ApiBody(PLACE_CUSTOMER_ORDER_BODY)
  @ApiOkResponse({ description: 'What the order would come to.', type: OrderPreviewResponse })
  @ApiOrderProblems(...ITEM_PROBLEMS, ...CART_PROBLEMS)
  async previewForCustomer(
    @Param('customer_id') customerId: string,
    @Body() body: PlaceCustomerOrderDto,
    @CurrentCaller() caller: Caller,
  ): Promise<OrderPreviewResponse> {
    requireNewId('customer_id', customerId);
    requireNumberAllowed(caller, body.number);
    const request = toPlacementRequest(body, customerFor(caller, customerId));
    return OrderPreviewResponse.from(await this.previews.preview(request));
  }
}
