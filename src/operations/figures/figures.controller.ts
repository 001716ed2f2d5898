import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
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
  @ApiOkResponse({ description: 'The figures, which may be some seconds old.', type: FiguresResponse })
  @ApiOperationProblems('invalid-request')
  async get(@Query() { window, source }: FiguresDto): Promise<FiguresResponse> {
    return FiguresResponse.from(await this.figures.get(window, source));
  }
}
