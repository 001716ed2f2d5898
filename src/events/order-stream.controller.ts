import { Controller, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiOrderProblems } from '../orders/dto/order-problem.response.js';
import { ownerFor } from '../orders/ownership.js';
import { Bounded } from '../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../auth/access.js';
import { LAST_EVENT_ID, STREAMED } from './dto/order-stream.openapi.js';
import { OrderStream, STREAMS } from './order-stream.js';

/** Stops browsers and proxies from buffering the stream. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

/** The fixed path wins over `GET /orders/{customer_id}`: a customer called `stream` is listed by `?customer_id=stream`. */
@ApiTags('orders')
@Controller('orders')
export class OrderStreamController {
  constructor(private readonly stream: OrderStream) {}

  @Get('stream')
  @RequireScopes('orders:read')
  @Bounded(STREAMS)
  @ApiOperation({
    operationId: 'streamOrders',
    summary: 'What happens to orders, as it happens',
    description:
      'Server-sent events: each event of each order, once and in order, from now on or after `Last-Event-ID`. A ' +
      'customer receives the events of its own orders.',
  })
  @ApiHeader(LAST_EVENT_ID)
  @ApiOkResponse(STREAMED)
  @ApiOrderProblems()
  async follow(
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    void reply.headers(HEADERS);
    if (request.method === 'HEAD') return void (await reply.send(''));
    const isStillAllowed = (): Promise<boolean> => request.isStillAllowed();
    await reply.send(await this.stream.follow({ owner: ownerFor(caller), lastEventId, isStillAllowed }));
  }
}
