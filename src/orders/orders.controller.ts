import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiBody,
  ApiHeader,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Settings } from '../config/settings.js';
import { BoundedPlacements, BoundedReads } from '../platform/http/bounded.interceptor.js';
import { type Caller, CurrentCaller, RequireScopes } from '../platform/http/caller.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { ListOrdersDto, PageDto, toOrderFilter } from './dto/list-orders.dto.js';
import {
  OrderAcceptedResponse,
  OrderConfirmationResponse,
  OrderEventResponse,
  OrderEventsResponse,
  OrderListResponse,
  OrderResponse,
} from './dto/order.response.js';
import { PlaceCustomerOrderDto, PlaceOrderDto, toPlacementRequest } from './dto/place-order.dto.js';
import { etag, hasSeen, parseIdempotencyKey, parseIfMatch, prefersAsync } from './dto/request-headers.js';
import { isOpaqueId, requireOpaqueId } from './dto/text.decorators.js';
import { UpdateStatusDto } from './dto/update-status.dto.js';
import { ifMatchRequired, noOrdersOf, orderNotFound } from './order.problems.js';
import { parseStatus } from './order-status.js';
import { OrdersService } from './orders.service.js';
import { customerFor, ownerFor, statusSetterFor } from './ownership.js';
import type { PlacementRequest } from './placement/order-draft.js';
import { PlaceOrder } from './placement/place-order.js';

/** The headers that say how an order is to be placed. */
interface PlacementHeaders {
  'idempotency-key'?: string;
  prefer?: string;
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  required: false,
  description:
    'Up to 255 printable characters, quoted or bare. The same key gives the same order and the same answer, for ' +
    '`IDEMPOTENCY_KEY_HOURS` (24 unless set otherwise) from the first request; then it is forgotten.',
};

const PREFER = {
  name: 'Prefer',
  required: false,
  description:
    '`respond-async` (RFC 7240): the order is stored and answered with 202; what becomes of it is to be seen at its address.',
};

const ACCEPTED = {
  status: 202,
  description: 'The order is stored and will be settled; for clients that prefer `respond-async`.',
  type: OrderAcceptedResponse,
};

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly placeOrder: PlaceOrder,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequireScopes('orders:place')
  @UseInterceptors(BoundedPlacements)
  @ApiOperation({ operationId: 'placeOrder', summary: 'Place an order' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiHeader(PREFER)
  @ApiResponse({ status: 201, description: 'The order is confirmed.', type: OrderConfirmationResponse })
  @ApiResponse(ACCEPTED)
  @ApiProblems(400, 409, 413, 415, 422, 503)
  async place(
    @Body() body: PlaceOrderDto,
    @Headers() headers: PlacementHeaders,
    @CurrentCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const customerId = customerFor(caller, body.customer_id);
    await this.answer(toPlacementRequest(body, customerId), caller, headers, reply);
  }

  @Post(':customer_id')
  @RequireScopes('orders:place')
  @UseInterceptors(BoundedPlacements)
  @ApiOperation({
    operationId: 'placeCustomerOrder',
    summary: 'Place an order for a customer',
    description: "Without items, or without a body, the customer's shopping cart is ordered.",
  })
  @ApiParam({ name: 'customer_id', description: 'Id of the customer, text or integer.', example: '1' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiHeader(PREFER)
  @ApiBody({ type: PlaceCustomerOrderDto, required: false })
  @ApiResponse({ status: 201, description: 'The order is confirmed.', type: OrderConfirmationResponse })
  @ApiResponse(ACCEPTED)
  @ApiProblems(400, 404, 409, 413, 415, 422, 503)
  async placeForCustomer(
    @Param('customer_id') customerId: string,
    @Body() body: PlaceCustomerOrderDto,
    @Headers() headers: PlacementHeaders,
    @CurrentCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireOpaqueId('customer_id', customerId);
    const request = toPlacementRequest(body, customerFor(caller, customerId));
    await this.answer(request, caller, headers, reply);
  }

  @Get()
  @RequireScopes('orders:read')
  @UseInterceptors(BoundedReads)
  @ApiOperation({ operationId: 'listOrders', summary: 'List orders, newest first' })
  @ApiResponse({ status: 200, type: OrderListResponse })
  @ApiProblems(400, 503)
  async list(@Query() query: ListOrdersDto, @CurrentCaller() caller: Caller): Promise<OrderListResponse> {
    const { limit, cursor } = query;
    return OrderListResponse.from(
      await this.orders.list(ownerFor(caller), toOrderFilter(query), limit, cursor),
    );
  }

  @Get(':id')
  @RequireScopes('orders:read')
  @UseInterceptors(BoundedReads)
  @ApiOperation({
    operationId: 'getOrder',
    summary: 'Get an order, or the orders of a customer',
    description: 'The id of an order gives that order; otherwise it is taken as the id of a customer.',
  })
  @ApiParam({ name: 'id', description: 'Id of an order or of a customer.' })
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: 'ETags of the versions of the order that the caller has.',
  })
  @ApiResponse({ status: 304, description: 'The order is at a version that the caller has.' })
  @ApiResponse({
    status: 200,
    schema: { oneOf: [{ $ref: getSchemaPath(OrderResponse) }, { $ref: getSchemaPath(OrderListResponse) }] },
  })
  @ApiProblems(400, 404, 503)
  async get(
    @Param('id') id: string,
    @Query() page: PageDto,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse | OrderListResponse | undefined> {
    const owner = ownerFor(caller);
    const order = await this.orders.find(owner, id);
    if (order) {
      void reply.header('etag', etag(order.version));
      if (hasSeen(ifNoneMatch, order.version)) {
        void reply.status(304);
        return undefined;
      }
      return OrderResponse.from(order);
    }
    if (!isOpaqueId(id)) throw orderNotFound(id);
    const orders = await this.orders.list(owner, { customerId: id }, page.limit, page.cursor);
    if (orders.orders.length === 0) throw noOrdersOf(id);
    return OrderListResponse.from(orders);
  }

  @Put(':order_id')
  @RequireScopes('orders:status', 'orders:place')
  @UseInterceptors(BoundedReads)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'updateOrderStatus',
    summary: 'Set the status of an order',
    description:
      'Without the scope `orders:status` a customer can cancel its own order while it is `confirmed`.',
  })
  @ApiParam({ name: 'order_id', format: 'uuid' })
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the order that the caller has seen; needed where `REQUIRE_IF_MATCH` is set.',
  })
  @ApiResponse({ status: 200, type: OrderResponse })
  @ApiProblems(400, 404, 409, 412, 413, 415, 428, 503)
  async updateStatus(
    @Param('order_id') id: string,
    @Body() body: UpdateStatusDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse> {
    const to = parseStatus(body.status);
    if (to === undefined) throw new Error(`the status ${body.status} has passed the validation`);
    if (ifMatch === undefined && this.settings.REQUIRE_IF_MATCH) throw ifMatchRequired();
    const expectedVersions = parseIfMatch(ifMatch);
    const order = await this.orders.changeStatus(id, {
      to,
      reason: body.reason,
      expectedVersions,
      owner: ownerFor(caller),
      by: statusSetterFor(caller, to),
      actor: caller.id,
    });
    void reply.header('etag', etag(order.version));
    return OrderResponse.from(order);
  }

  @Get(':order_id/events')
  @RequireScopes('orders:read')
  @UseInterceptors(BoundedReads)
  @ApiOperation({ operationId: 'listOrderEvents', summary: 'The history of an order, oldest first' })
  @ApiParam({ name: 'order_id', format: 'uuid' })
  @ApiResponse({ status: 200, type: OrderEventsResponse })
  @ApiProblems(404, 503)
  async listEvents(
    @Param('order_id') id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<OrderEventsResponse> {
    const events = await this.orders.listEvents(ownerFor(caller), id);
    return { order_id: id, events: events.map((event) => OrderEventResponse.from(event)) };
  }

  private async answer(
    request: PlacementRequest,
    caller: Caller,
    headers: PlacementHeaders,
    reply: FastifyReply,
  ): Promise<void> {
    const isPreferred = prefersAsync(headers.prefer);
    const { answer, isReplay } = await this.placeOrder.place(request, {
      caller: caller.id,
      key: parseIdempotencyKey(headers['idempotency-key']),
      isAsync: isPreferred || this.settings.PLACEMENT_MODE === 'async',
    });
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    if (isPreferred && answer.status === 202) void reply.header('preference-applied', 'respond-async');
    await reply.status(answer.status).headers(answer.headers).send(answer.body);
  }
}
