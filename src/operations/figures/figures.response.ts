import { ApiProperty } from '@nestjs/swagger';
import { PROBLEM_PATH } from '../../platform/http/problems/problem-types.js';
import type { Figures } from './figures.js';

const COUNT = { type: 'integer', minimum: 0 } as const;
const MILLISECONDS = {
  type: 'number',
  nullable: true,
  description: 'Null where no order was confirmed.',
} as const;

class FiguresPointResponse {
  @ApiProperty({ format: 'date-time', description: 'When the step begins.' })
  time!: string;

  @ApiProperty({ ...COUNT, example: 12 })
  placed!: number;

  @ApiProperty({ ...COUNT, example: 11, description: 'Regardless of later changes.' })
  confirmed!: number;

  @ApiProperty({ ...COUNT, example: 1 })
  rejected!: number;

  @ApiProperty({ ...COUNT, example: 0 })
  failed!: number;
}

class RejectionsResponse {
  @ApiProperty({ example: '/problems/insufficient-stock', description: 'Problem type.' })
  reason!: string;

  @ApiProperty({ ...COUNT, example: 1 })
  count!: number;
}

class ConfirmationTimesResponse {
  @ApiProperty({ ...MILLISECONDS, example: 42 })
  p50!: number | null;

  @ApiProperty({ ...MILLISECONDS, example: 130 })
  p95!: number | null;
}

class NotificationBacklogResponse {
  @ApiProperty({ ...COUNT, example: 3, description: 'Not sent yet.' })
  waiting!: number;

  @ApiProperty({
    type: 'number',
    minimum: 0,
    example: 2.5,
    description: 'Age of the oldest; 0 where there is none.',
  })
  oldest_seconds!: number;

  @ApiProperty({ ...COUNT, example: 0, description: 'That wait for a person: see the incidents.' })
  failed!: number;
}

class UpstreamResponse {
  @ApiProperty({ example: 'inventory service' })
  name!: string;

  @ApiProperty({
    enum: ['up', 'down', 'trying'],
    description:
      'Whether the instance that answers sends calls to it: `down` means that most of them failed lately.',
  })
  state!: string;

  @ApiProperty({
    oneOf: [{ type: 'string', enum: ['succeeded', 'failed'] }, { type: 'null' }],
    description:
      'How the latest call of this instance ended. `failed`: a timeout, a lost connection, or an answer such as 500. Null ' +
      'before the first call.',
  })
  last_call!: string | null;
}

export class FiguresResponse {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  @ApiProperty({ type: 'integer', example: 60 })
  step_seconds!: number;

  @ApiProperty({
    description: 'Whether a step had more orders than were counted, so that its figures are estimates.',
  })
  is_estimate!: boolean;

  @ApiProperty({
    type: [FiguresPointResponse],
    description: 'Orders by the time they were placed; the last step is not over.',
  })
  points!: FiguresPointResponse[];

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer', minimum: 0 },
    description: 'Orders placed in this time by the status that they have now.',
    example: { confirmed: 11, rejected: 1 },
  })
  by_status!: Record<string, number>;

  @ApiProperty({ type: [RejectionsResponse], description: 'The most frequent reason first.' })
  rejected_by_reason!: RejectionsResponse[];

  @ApiProperty({
    type: ConfirmationTimesResponse,
    description: 'From the placement on, of a part of the orders.',
  })
  time_to_confirm_ms!: ConfirmationTimesResponse;

  @ApiProperty({ type: NotificationBacklogResponse })
  notification_backlog!: NotificationBacklogResponse;

  @ApiProperty({ type: [UpstreamResponse] })
  upstreams!: UpstreamResponse[];

  static from(figures: Figures): FiguresResponse {
    const { from, to, stepSeconds, isEstimate, points, notifications, confirmedAfterMs } = figures;
    const reasons = [...figures.rejectedByReason].toSorted(([, one], [, other]) => other - one);
    const { waiting, oldest, failed } = notifications;
    return {
      from: from.toISOString(),
      to: to.toISOString(),
      step_seconds: stepSeconds,
      is_estimate: isEstimate,
      points: points.map((point) => ({ ...point, time: point.time.toISOString() })),
      by_status: Object.fromEntries(figures.byStatus),
      rejected_by_reason: reasons.map(([name, count]) => ({ reason: `${PROBLEM_PATH}${name}`, count })),
      time_to_confirm_ms: confirmedAfterMs,
      notification_backlog: {
        waiting,
        oldest_seconds: oldest ? Math.max(0, (to.getTime() - oldest.getTime()) / 1_000) : 0,
        failed,
      },
      upstreams: figures.upstreams.map(({ name, state, lastCall }) => ({ name, state, last_call: lastCall })),
    };
  }
}
