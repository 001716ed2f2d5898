import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Bounded } from '../../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { toOrderFilter } from '../dto/list-orders.dto.js';
import { ApiOrderProblems } from '../dto/order-problem.response.js';
import { smallerId } from '../orders.service.js';
import { Settings } from '../../config/settings.js';
import { ownerFor } from '../ownership.js';
import { ExportOrdersDto, writerOf } from './export-orders.dto.js';
import { EXPORTED } from './order-export.openapi.js';
import { EXPORTS, OrderExport } from './order-export.js';

/** The fixed path wins over `GET /orders/{customer_id}`: a customer called `export` is listed by `?customer_id=export`. */
@ApiTags('orders')
@Controller('orders')
export class OrderExportController {
  constructor(
    private readonly exports: OrderExport,
    private readonly settings: Settings,
  ) {}

  @Get('export')
  @RequireScopes('orders:read')
  @Bounded(EXPORTS)
  @ApiOperation({
    operationId: 'exportOrders',
    summary: 'Orders as a file, newest first',
    description:
      'For any filter of the list, and for any number of orders: it is streamed at the speed of the client. As CSV there is ' +
      'a row for each line of an order, with what belongs to the order in all of them, or with `rows=orders` a row for each ' +
      'order, and the columns of `columns`; text is quoted, and has an apostrophe wherever a spreadsheet could read the ' +
      'start of a formula. As NDJSON each line is an order. The last line has the number of orders; a file without it is incomplete. `HEAD` returns this number as `X-Total-Count`.',
  })
  @ApiOkResponse(EXPORTED)
  @ApiOrderProblems('invalid-request')
  async export(
    @Query() query: ExportOrdersDto,
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = toOrderFilter(query, this.settings.SEARCH_FRAGMENTS);
    const beforeId = smallerId(filter.beforeId, query.cursor);
    const writer = writerOf(query);
    void reply.headers({
      'content-type': writer.mediaType,
      'content-disposition': `attachment; filename="orders-${fileTime()}.${query.format}"`,
    });
    const owner = ownerFor(caller);
    if (request.method === 'HEAD') {
      const count = await this.exports.count(owner, { ...filter, beforeId });
      await reply.header('x-total-count', count).send('');
      return;
    }
    const orders = await this.exports.begin(owner, { ...filter, beforeId }, writer);
    // A reset, because HTTP/1.0 clients and proxies take an orderly end of the connection for the end of the file.
    orders.once('error', () => request.raw.socket.resetAndDestroy());
    await reply.send(orders);
  }
}

/** Now, as in `20261121T205323Z`: the basic form of ISO 8601 has no colon, which file names may not have everywhere. */
function fileTime(): string {
  return new Date().toISOString().replace(/\.\d+|[-:]/g, '');
}
