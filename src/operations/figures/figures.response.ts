import { ApiProperty } from '@nestjs/swagger';
import {
  Count,
  Decimal,
  Flag,
  Integer,
  ListOf,
  ObjectOf,
  OneOf,
  Text,
  Time,
} from '../../platform/http/fields.openapi.js';
import { PROBLEM_PATH } from '../../platform/http/problems/problem-types.js';
import type { Figures } from './figures.js';

const FROM = '2026-11-21T20:53:00.000Z';

const CONFIRMED = 'Null where no order was confirmed.';

class FiguresPointResponse {
  @Time('When the step begins.', { example: FROM })
  time!: string;

  @Count(12)
  placed!: number;

  @Count(11, 'Regardless of later changes.')
  confirmed!: number;

  @Count(1)
  rejected!: number;

  @Count(0)
  failed!: number;
}

class RejectionsResponse {
  @Text('/problems/insufficient-stock', 'Problem type.')
  reason!: string;

  @Count(1)
  count!: number;
}

class HoldFiguresResponse {
  @Count(3, 'Waiting for their payment now.')
  reserved!: number;

  @Count(40, 'Regardless of later changes, and also after their hold had expired.')
  confirmed!: number;

  @Count(8)
  expired!: number;

  @Count(2, 'Before they were confirmed.')
  cancelled!: number;

  @Decimal.nullable(0.8, 'Part of the holds that have ended which were confirmed; null where none has ended.')
  conversion!: number | null;

  @Decimal.nullable(0.16, 'Part of the holds that have ended which expired; null where none has ended.')
  expired_share!: number | null;
}

class ConfirmationTimesResponse {
  @Decimal.nullable(42, CONFIRMED)
  p50!: number | null;

  @Decimal.nullable(130, CONFIRMED)
  p95!: number | null;
}

class NotificationBacklogResponse {
  @Count(3, 'Not sent yet.')
  waiting!: number;

  @Decimal(2.5, 'Age of the oldest; 0 where there is none.', { minimum: 0 })
  oldest_seconds!: number;

  @Count(0, 'That wait for a person: see the incidents.')
  failed!: number;
}

class UpstreamResponse {
  @Text('inventory service')
  name!: string;

  @OneOf(
    ['up', 'down', 'trying'],
    'Whether the instance that answers sends calls to it: `down` means that most of them failed lately.',
  )
  state!: string;

  @ApiProperty({
    oneOf: [{ type: 'string', enum: ['succeeded', 'failed'] }, { type: 'null' }],
    description:
      'How the latest call of this instance ended. `failed`: a timeout, a lost connection, or an answer such as 500. Null ' +
      'before the first call.',
    example: 'succeeded',
  })
  last_call!: string | null;
}

export class FiguresResponse {
  @Time(undefined, { example: FROM })
  from!: string;

  @Time(undefined, { example: '2026-11-21T21:52:23.456Z' })
  to!: string;

  @Integer(60)
  step_seconds!: number;

  @Flag(false, 'Whether a step had more orders than were counted, so that its figures are estimates.')
  is_estimate!: boolean;

  @ListOf(FiguresPointResponse, 'Orders by the time they were placed; the last step is not over.')
  points!: FiguresPointResponse[];

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer', minimum: 0 },
    description: 'Orders placed in this time by the status that they have now.',
    example: { confirmed: 11, rejected: 1 },
  })
  by_status!: Record<string, number>;

  @ListOf(RejectionsResponse, 'The most frequent reason first.')
  rejected_by_reason!: RejectionsResponse[];

  @ObjectOf(HoldFiguresResponse, 'Orders placed in this time with `hold_seconds`.')
  holds!: HoldFiguresResponse;

  @ObjectOf(
    ConfirmationTimesResponse,
    'From the placement on, of a part of the orders; of an order with a hold until it is reserved.',
  )
  time_to_confirm_ms!: ConfirmationTimesResponse;

  @ObjectOf(NotificationBacklogResponse)
  notification_backlog!: NotificationBacklogResponse;

  @ListOf(UpstreamResponse)
  upstreams!: UpstreamResponse[];

  static from(figures: Figures): FiguresResponse {
    const { from, to, stepSeconds, isEstimate, points, notifications, confirmedAfterMs, holds } = figures;
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
      holds: {
        reserved: holds.reserved,
        confirmed: holds.confirmed,
        expired: holds.expired,
        cancelled: holds.cancelled,
        conversion: holds.conversion,
        expired_share: holds.expiredShare,
      },
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
