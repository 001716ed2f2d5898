import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiOperation,
  ApiProperty,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Count, Text, Time } from '../platform/http/fields.openapi.js';
import {
  HealthCheck,
  HealthCheckService,
  type HealthCheckResult,
  TypeOrmHealthIndicator,
} from '@nestjs/terminus';
import { DataSource } from 'typeorm';
import { BackgroundLoops } from '../platform/background-loops.js';
import { isDatabaseUnavailable } from '../platform/database/session/database-errors.js';
import { PublicRoute } from '../auth/access.js';
import { Problem, RETRY_AFTER } from '../platform/http/problem.js';
import { ApiProblems } from '../platform/http/problem.openapi.js';
import { Availability } from './availability.js';

/** A database that takes longer to answer `SELECT 1` is not ready for orders. */
const PING_TIMEOUT_MS = 2_000;

/** Checks by their names. */
const CHECKS = {
  type: 'object',
  additionalProperties: { $ref: getSchemaPath('CheckResponse') },
  example: { database: { status: 'up', responseTime: 1 } },
} as const;

class HealthResponse {
  @ApiProperty({ enum: ['healthy'] })
  status!: string;

  @Text('Order Service')
  service!: string;

  @Time()
  timestamp!: string;
}

class LivenessResponse {
  @ApiProperty({ enum: ['ok'] })
  status!: string;
}

class CheckResponse {
  @ApiProperty({ enum: ['up'] })
  status!: string;

  @Count(1, 'Milliseconds.')
  responseTime!: number;
}

/** The result type of the health package. */
class ReadinessResponse {
  @ApiProperty({ enum: ['ok'] })
  status!: string;

  @ApiProperty(CHECKS)
  info!: Record<string, CheckResponse>;

  @ApiProperty({ ...CHECKS, example: {}, description: 'Always empty here.' })
  error!: Record<string, CheckResponse>;

  @ApiProperty(CHECKS)
  details!: Record<string, CheckResponse>;
}

@ApiTags('health')
@ApiExtraModels(CheckResponse)
@Controller('health')
export class HealthController {
  private checking: Promise<HealthCheckResult> | undefined;

  constructor(
    private readonly checks: HealthCheckService,
    private readonly database: TypeOrmHealthIndicator,
    private readonly availability: Availability,
    private readonly dataSource: DataSource,
    private readonly loops: BackgroundLoops,
  ) {}

  @Get()
  @PublicRoute('health')
  @ApiOperation({
    operationId: 'getHealth',
    summary: 'Whether the service works, as system A asks',
    description: 'The same as readiness, in the words of system A.',
  })
  @ApiResponse({ status: 200, description: 'It works.', type: HealthResponse })
  @ApiProblems('not-ready')
  async getHealth(): Promise<HealthResponse> {
    await this.getReadiness();
    return { status: 'healthy', service: 'Order Service', timestamp: new Date().toISOString() };
  }

  /** Touches nothing: a process that can answer must not be restarted because the database is away. */
  @Get('live')
  @PublicRoute('health')
  @ApiOperation({
    operationId: 'getLiveness',
    summary: 'Whether the process runs',
    description: 'Depends on no other service: restart the process if it does not answer.',
  })
  @ApiResponse({ status: 200, description: 'It runs.', type: LivenessResponse })
  getLiveness(): LivenessResponse {
    return { status: 'ok' };
  }

  @Get('ready')
  @PublicRoute('health')
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({
    operationId: 'getReadiness',
    summary: 'Whether requests should be sent here',
    description:
      'Not while the database is away or read-only, while background work stands still, or after the service ' +
      'has received the signal to stop.',
  })
  @ApiResponse({ status: 200, description: 'Each check and its result.', type: ReadinessResponse })
  @ApiProblems('not-ready')
  async getReadiness(): Promise<HealthCheckResult> {
    if (this.availability.isWithdrawn) throw notReady('The service is being stopped');
    return this.checkOnce();
  }

  /** Concurrent requests share one check: anyone may send them, and each takes a connection. */
  private async checkOnce(): Promise<HealthCheckResult> {
    this.checking ??= this.check().finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async check(): Promise<HealthCheckResult> {
    const result = await this.checkDatabase();
    if (await this.isReadOnly()) throw notReady('The database is read-only');
    this.checkBackground();
    return result;
  }

  private async checkDatabase(): Promise<HealthCheckResult> {
    try {
      return await this.checks.check([
        () => this.database.pingCheck('database', { timeout: PING_TIMEOUT_MS }),
      ]);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      throw notReady('The database does not answer');
    }
  }

  private checkBackground(): void {
    const loops = this.loops
      .findStandingStill()
      .map(({ name, ageMs = 0 }) => `${name} (${Math.round(ageMs / 1_000)} s)`);
    if (loops.length > 0) throw notReady(`Background work stands still: ${loops.join(', ')}`);
  }

  /** A standby answers every read, so that a ping alone would call it ready. */
  private async isReadOnly(): Promise<boolean> {
    const late = new AbortController();
    const timeout = sleep(PING_TIMEOUT_MS, undefined, { signal: late.signal, ref: false }).then(
      () => undefined,
      () => undefined,
    );
    try {
      const rows = await Promise.race([
        this.dataSource.query<{ transaction_read_only: string }[]>('SHOW transaction_read_only'),
        timeout,
      ]);
      if (!rows) throw notReady('The database does not answer');
      return rows[0]?.transaction_read_only === 'on';
    } catch (error) {
      if (error instanceof Problem || !isDatabaseUnavailable(error)) throw error;
      throw notReady('The database does not answer');
    } finally {
      late.abort();
    }
  }
}

function notReady(reason: string): Problem {
  return Problem.http('not-ready', reason, {}, RETRY_AFTER);
}
