import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { EventFeedRepository } from './event-feed.repository.js';
import { EventFeedService } from './event-feed.service.js';
import { EventsController } from './events.controller.js';
import { FeedTail } from './feed-tail.js';
import { SequencerRepository } from './sequencer.repository.js';
import { Sequencer } from './sequencer.js';

/** The feed of all events of all orders. */
@Module({})
export class EventsModule {
  /** @param imports modules that provide `OrderRepository` */
  static with(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: EventsModule,
      imports,
      controllers: [EventsController],
      providers: [EventFeedRepository, EventFeedService, FeedTail, SequencerRepository, Sequencer],
      exports: [EventFeedRepository],
    };
  }
}
