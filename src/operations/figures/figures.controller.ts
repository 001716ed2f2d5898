import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { SourceFilter } from '../../orders/dto/list-orders.dto.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { RequireScopes } from '../../auth/access.js';
import { ApiOperationProblems } from '../operations.openapi.js';
import { FiguresResponse } from './figures.response.js';
import { FiguresService, type FiguresWindow, WINDOWS } from './figures.js';

const WINDOW_NAMES = Object.keys(WINDOWS) as FiguresWindow[];

class FiguresDto {
  @ApiPropertyOptional({
    enum: WINDOW_NAMES,
    default: 'hour',
    description: 'The last hour by minutes, or the last day by quarters of an hour.',
  })
  @IsIn(WINDOW_NAMES, { message: `must be one of ${WINDOW_NAMES.join(', ')}` })
  window: FiguresWindow = 'hour';

  @SourceFilter()
  source?: string;
}

const POINT = { time: '2026-11-21T20:53:00.000Z', placed: 12, confirmed: 11, rejected: 1, failed: 0 };

const FIGURES = {
  status: 200,
  description: 'The figures, which may be some seconds old.',
  type: FiguresResponse,
  example: {
    from: '2026-11-21T20:53:00.000Z',
    to: '2026-11-21T21:52:23.456Z',
    step_seconds: 60,
    is_estimate: false,
    points: [POINT],
    by_status: { confirmed: 11, rejected: 1 },
    rejected_by_reason: [{ reason: '/problems/insufficient-stock', count: 1 }],
    time_to_confirm_ms: { p50: 42, p95: 130 },
    notification_backlog: { waiting: 3, oldest_seconds: 2.5, failed: 0 },
    upstreams: [{ name: 'inventory service', state: 'up', last_call: 'succeeded' }],
  },
};

@ApiTags('operations')
@Controller('operations/figures')
export class FiguresController {
  constructor(private readonly figures: FiguresService) {}

  @Get()
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'getFigures',
    summary: 'How the service does, for charts',
    description: 'Orders of the last hour or day, what waits to be sent, and which services answer.',
  })
  @ApiResponse(FIGURES)
  @ApiOperationProblems('invalid-request', 'overloaded', 'database-unavailable')
  async get(@Query() { window, source }: FiguresDto): Promise<FiguresResponse> {
    return FiguresResponse.from(await this.figures.get(window, source));
  }
}
