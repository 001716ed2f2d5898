import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { EventFeedRepository } from './event-feed.repository.js';
import { EventFeedService } from './event-feed.service.js';
import { EventsController } from './events.controller.js';
import { FeedTail } from './feed-tail.js';
import { OrderStreamController } from './order-stream.controller.js';
import { OrderStream } from './order-stream.js';
import { SequencerRepository } from './sequencer.repository.js';
import { Sequencer } from './sequencer.js';

/** The feed of all events of all orders, by page and as a stream. */
@Module({})
export class EventsModule {
  /** @param imports modules that provide `OrderRepository` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: EventsModule,
      imports,
      controllers: [EventsController, OrderStreamController],
      providers: [
        EventFeedRepository,
        EventFeedService,
        FeedTail,
        SequencerRepository,
        Sequencer,
        OrderStream,
      ],
      exports: [EventFeedRepository, Sequencer],
    };
  }
}
