import { Controller, Get, Query, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiOrderProblems } from '../orders/dto/order-problem.response.js';
import { ownerFor } from '../orders/ownership.js';
import { Bounded, type Bulkhead } from '../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../auth/access.js';
import { SILENT_MARGIN_MS } from '../platform/http/edge/connection-limits.js';
import { currentDeadline, withDeadline } from '../platform/telemetry/request-context.js';
import { FeedResponse } from './dto/feed.response.js';
import { ListFeedDto } from './dto/list-feed.dto.js';
import { EventFeedService } from './event-feed.service.js';

/** Most of these requests wait and hold nothing but a connection. */
export const FEED_READS: Bulkhead = { kind: 'events', permits: 100, maxWaiting: 0, admissionMs: 0 };

const NO_ORDERS = new Map<string, never>();

@ApiTags('events')
@Controller('events')
export class EventsController {
  constructor(private readonly feed: EventFeedService) {}

  @Get()
  @RequireScopes('orders:read')
  @Bounded(FEED_READS)
  @ApiOperation({
    operationId: 'listEvents',
    summary: 'Read the feed of all events',
    description:
      'Every event of every order, from the first one on, in order per order and numbered without a gap. Repeat the ' +
      'request with `after` set to `next_after`. Without the scope `orders:read:all`, a customer reads the events of ' +
      'its own orders.',
  })
  @ApiOkResponse({
    description: 'The next events, each with its order unless `include=none`; none at the end of the feed.',
    type: FeedResponse,
  })
  @ApiOrderProblems('invalid-request')
  async list(
    @Query() { include, types, wait, ...query }: ListFeedDto,
    @CurrentCaller() caller: Caller,
    @Req() { raw: { socket } }: FastifyRequest,
  ): Promise<FeedResponse> {
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    socket.once('close', abort);
    const waitMs = wait * 1_000;
    // The server closes connections that are silent for longer than other requests take.
    if (waitMs > 0) socket.setTimeout(waitMs + SILENT_MARGIN_MS);
    // A name counts once, however often a client repeats it.
    const wanted = { ...query, types: types === undefined ? undefined : [...new Set(types.split(','))] };
    try {
      // The wait takes no time from the statements of the request.
      return await withDeadline(currentDeadline()?.plus(waitMs), async () => {
        const page = await this.feed.read(ownerFor(caller), wanted, { waitMs, signal: gone.signal });
        if (include === 'none') return FeedResponse.from(page, NO_ORDERS);
        const { orders, ...cut } = await this.feed.addOrders(page);
        return FeedResponse.from(cut, orders);
      });
    } finally {
      socket.off('close', abort);
    }
  }
}
