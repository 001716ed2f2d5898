import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import {
  HealthCheck,
  HealthCheckService,
  type HealthCheckResult,
  TypeOrmHealthIndicator,
} from '@nestjs/terminus';
import { PublicRoute } from '../platform/http/caller.js';
import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { Availability } from './availability.js';

/** A database that takes longer to answer `SELECT 1` is not ready for orders. */
const PING_TIMEOUT_MS = 2_000;

class HealthResponse {
  @ApiProperty({ enum: ['healthy'] })
  status!: string;

  @ApiProperty({ example: 'Order Service' })
  service!: string;

  @ApiProperty({ format: 'date-time' })
  timestamp!: string;
}

class LivenessResponse {
  @ApiProperty({ enum: ['ok'] })
  status!: string;
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly database: TypeOrmHealthIndicator,
    private readonly availability: Availability,
  ) {}

  @Get()
  @PublicRoute('health')
  @ApiOperation({ operationId: 'getHealth', summary: 'Whether the service works, as system A asks' })
  @ApiResponse({ status: 200, type: HealthResponse })
  @ApiProblems(503)
  async getHealth(): Promise<HealthResponse> {
    await this.getReadiness();
    return { status: 'healthy', service: 'Order Service', timestamp: new Date().toISOString() };
  }

  /** Touches nothing: a process that can answer must not be restarted because the database is away. */
  @Get('live')
  @PublicRoute('health')
  @ApiOperation({ operationId: 'getLiveness', summary: 'Whether the process runs' })
  @ApiResponse({ status: 200, type: LivenessResponse })
  getLiveness(): LivenessResponse {
    return { status: 'ok' };
  }

  @Get('ready')
  @PublicRoute('health')
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({ operationId: 'getReadiness', summary: 'Whether requests should be sent here' })
  @ApiResponse({ status: 200, description: 'Each check and its result.' })
  @ApiProblems(503)
  async getReadiness(): Promise<HealthCheckResult> {
    if (this.availability.isWithdrawn) throw notReady('The service is being stopped');
    try {
      return await this.checks.check([
        () => this.database.pingCheck('database', { timeout: PING_TIMEOUT_MS }),
      ]);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      throw notReady('The database does not answer');
    }
  }
}

function notReady(reason: string): Problem {
  return Problem.http('not-ready', reason, {}, RETRY_AFTER);
}
