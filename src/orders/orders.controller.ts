import { Body, Controller, Get, Headers, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiNotModifiedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { BoundedReads } from '../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../auth/access.js';
import { Problem } from '../platform/http/problem.js';
import { etagHeader } from '../platform/http/response-headers.openapi.js';
import { addVary } from '../platform/http/edge/caching.js';
import { isOpaqueId } from '../platform/http/input/opaque-id.js';
import { ListOrdersDto, PageDto, toOrderFilter } from './dto/list-orders.dto.js';
import { ApiOrderProblems } from './dto/order-problem.response.js';
import { OrderListResponse, OrderResponse } from './dto/order.response.js';
import {
  ACCEPTED,
  CART_PROBLEMS,
  CONFIRMED,
  IDEMPOTENCY_KEY,
  IF_MATCH,
  IF_NONE_MATCH,
  LINK,
  ORDER_OR_LIST,
  PLACEMENT_PROBLEMS,
  PREFER,
} from './dto/orders.openapi.js';
import { PlaceCustomerOrderDto, PlaceOrderDto } from './dto/place-order.dto.js';
import { PLACE_CUSTOMER_ORDER_BODY, PLACE_ORDER_BODY } from './dto/place-order.openapi.js';
import { etag, hasSeen, parseIdempotencyKey, parseIfMatch, prefersAsync } from './dto/request-headers.js';
import { STATUS_RULE } from './dto/status.decorator.js';
import { requireNewId } from './dto/text.decorators.js';
import { UpdateStatusDto } from './dto/update-status.dto.js';
import { OrderEventResponse, OrderEventsResponse } from './history/order-events.response.js';
import { ifMatchRequired, noOrdersOf, orderNotFound } from './order.problems.js';
import { parseStatus } from './order-status.js';
import { OrdersService } from './orders.service.js';
import { customerFor, ownerFor, requireNumberAllowed, statusSetterFor } from './ownership.js';
import { BoundedPlacements } from './place-order/bounded-placements.js';
import { PlaceOrderHandler } from './place-order/place-order-handler.js';

/** The headers that control a placement. */
interface PlacementHeaders {
  'idempotency-key'?: string;
  prefer?: string;
}

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly placeOrder: PlaceOrderHandler,
    private readonly settings: Settings,
  ) {}

  @Post()
  @RequireScopes('orders:place')
  @BoundedPlacements()
  @ApiOperation({
    operationId: 'placeOrder',
    summary: 'Place an order',
    description:
      'Prices and stock are looked up, every line is reserved, and only then the order is confirmed.',
  })
  @ApiBody(PLACE_ORDER_BODY)
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiHeader(PREFER)
  @ApiCreatedResponse(CONFIRMED)
  @ApiAcceptedResponse(ACCEPTED)
  @ApiOrderProblems(...PLACEMENT_PROBLEMS)
  async place(
    @Body() body: PlaceOrderDto,
    @Headers() headers: PlacementHeaders,
    @CurrentCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const customerId = customerFor(caller, body.customer_id);
    await this.respond(body, customerId, caller, headers, reply);
  }

  @Post(':id')
  @RequireScopes('orders:place')
  @BoundedPlacements()
  @ApiOperation({
    operationId: 'placeCustomerOrder',
    summary: 'Place an order for a customer',
    description: "Without items, or without a body, the customer's shopping cart is ordered.",
  })
  @ApiParam({ name: 'id', description: 'Id of the customer, text or integer.', example: '1' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiHeader(PREFER)
  @ApiBody(PLACE_CUSTOMER_ORDER_BODY)
  @ApiCreatedResponse(CONFIRMED)
  @ApiAcceptedResponse(ACCEPTED)
  @ApiOrderProblems(...PLACEMENT_PROBLEMS, ...CART_PROBLEMS)
  async placeForCustomer(
    @Param('id') customerId: string,
    @Body() body: PlaceCustomerOrderDto,
    @Headers() headers: PlacementHeaders,
    @CurrentCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireNewId('customer_id', customerId);
    await this.respond(body, customerFor(caller, customerId), caller, headers, reply);
  }

  @Get()
  @RequireScopes('orders:read')
  @BoundedReads()
  @ApiOperation({
    operationId: 'listOrders',
    summary: 'List orders, newest first',
    description: 'All filters that are given must hold. No order at all is an empty list.',
  })
  @ApiOkResponse({ description: 'A page of the orders.', type: OrderListResponse, headers: LINK })
  @ApiOrderProblems('invalid-request')
  async list(
    @Query() query: ListOrdersDto,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderListResponse> {
    const { limit, cursor } = query;
    const filter = toOrderFilter(query, this.settings.SEARCH_FRAGMENTS);
    const list = await this.orders.list(ownerFor(caller), filter, limit, cursor);
    linkNextPage(request, reply, list.nextCursor);
    return OrderListResponse.from(list);
  }

  @Get(':id')
  @RequireScopes('orders:read')
  @BoundedReads()
  @ApiOperation({
    operationId: 'getOrder',
    summary: 'Get an order, or the orders of a customer',
    description: 'The id of an order gives that order; otherwise it is taken as the id of a customer.',
  })
  @ApiParam({ name: 'id', description: 'Id of an order or of a customer.' })
  @ApiHeader(IF_NONE_MATCH)
  @ApiOkResponse(ORDER_OR_LIST)
  @ApiNotModifiedResponse({
    description: 'The order is at a version that the caller has.',
    headers: etagHeader(true),
  })
  @ApiOrderProblems('invalid-request', 'order-not-found')
  async get(
    @Param('id') id: string,
    @Query() page: PageDto,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
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
    linkNextPage(request, reply, orders.nextCursor);
    return OrderListResponse.from(orders);
  }

  @Put(':id')
  @RequireScopes('orders:status', 'orders:place')
  @BoundedReads()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'updateOrderStatus',
    summary: 'Set the status of an order',
    description:
      'The status that the order has already is no change. `cancelled` releases the stock. The customer is notified. ' +
      'Without the scope `orders:status` a customer can cancel its own order while it is `reserved` or `confirmed`.',
  })
  @ApiParam({ name: 'id', description: 'Id of the order.', format: 'uuid' })
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({
    description: 'The order with the status that was asked for.',
    type: OrderResponse,
    headers: etagHeader(true),
    example: { status: 'shipped', version: 3 },
  })
  @ApiOrderProblems(
    Problem.invalidRequest([{ field: 'status', message: STATUS_RULE }]),
    'order-not-found',
    'transition-not-allowed',
    'version-conflict',
    'if-match-required',
  )
  async updateStatus(
    @Param('id') id: string,
    @Body() body: UpdateStatusDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse> {
    const to = parseStatus(body.status);
    if (to === undefined) throw new Error(`the status ${body.status} has passed the validation`);
    if (ifMatch === undefined && this.settings.REQUIRE_IF_MATCH) throw ifMatchRequired();
    const expectedVersions = parseIfMatch(ifMatch);
    const { order } = await this.orders.setStatus(id, {
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
  @BoundedReads()
  @ApiOperation({
    operationId: 'listOrderEvents',
    summary: 'The history of an order, oldest first',
    description: 'What happened to the order, when, and who caused it. Nothing is ever removed from it.',
  })
  @ApiParam({ name: 'order_id', description: 'Id of the order.', format: 'uuid' })
  @ApiOkResponse({ description: 'All events of the order.', type: OrderEventsResponse })
  @ApiOrderProblems('order-not-found')
  async listEvents(
    @Param('order_id') id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<OrderEventsResponse> {
    const events = await this.orders.listEvents(ownerFor(caller), id);
    return { order_id: id, events: events.map((event) => OrderEventResponse.from(event)) };
  }

  private async respond(
    body: PlaceOrderDto | PlaceCustomerOrderDto,
    customerId: string | undefined,
    caller: Caller,
    headers: PlacementHeaders,
    reply: FastifyReply,
  ): Promise<void> {
    addVary(reply, 'Prefer');
    requireNumberAllowed(caller, body.number);
    const isPreferred = prefersAsync(headers.prefer);
    const { response, isReplay } = await this.placeOrder.place(body, {
      caller: caller.id,
      owner: ownerFor(caller),
      customerId,
      key: parseIdempotencyKey(headers['idempotency-key']),
      isAsync: isPreferred || this.settings.PLACEMENT_MODE === 'async',
    });
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    if (isPreferred && response.status === 202) void reply.header('preference-applied', 'respond-async');
    await reply.status(response.status).headers(response.headers).send(response.body);
  }
}

/** Links to the next page (RFC 8288), with the filters of this one. */
function linkNextPage({ url }: FastifyRequest, reply: FastifyReply, cursor: string | null): void {
  if (cursor === null) return;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  void reply.header('link', `<${pathname}?${searchParams.toString()}>; rel="next"`);
}
