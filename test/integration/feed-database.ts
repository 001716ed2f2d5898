import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { EventFeedRepository, type FeedEvent } from '../../src/events/event-feed.repository.js';
import { SequencerRepository } from '../../src/events/sequencer.repository.js';
import { Settings } from '../../src/config/settings.js';
import { BackgroundLoops } from '../../src/platform/background-loops.js';
import { DatabaseOutage } from '../../src/platform/database/database-outage.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { OrderTasksRepository } from '../../src/tasks/order-tasks.repository.js';
import { TaskRepository } from '../../src/tasks/task.repository.js';
import { Tasks } from '../../src/tasks/tasks.service.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { queryDatabase } from '../support/invariants.js';

/** One instance of the service, as far as the feed goes. */
export interface FeedInstance {
  dataSource: DataSource;
  tasks: Tasks;
  sequencer: SequencerRepository;
  feed: EventFeedRepository;
  /** Numbers events in batches until none is left. */
  numberAll(batchSize?: number): Promise<void>;
}

export interface FeedDatabase {
  database: TestDatabase;
  start(): Promise<FeedInstance>;
  /** A connection for transactions of a test. */
  connect(): Promise<Client>;
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export async function openFeedDatabase(): Promise<FeedDatabase> {
  const database = await createTestDatabase();
  const sources: DataSource[] = [];
  const clients: Client[] = [];
  return {
    database,
    query: <Row>(text: string, values?: unknown[]) => queryDatabase<Row>(database.url, text, values),
    start: async () => {
      const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 4 } as const;
      const dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
      sources.push(dataSource);
      const tasks = tasksOf(dataSource);
      const sequencer = new SequencerRepository(dataSource, tasks);
      return {
        dataSource,
        tasks,
        sequencer,
        feed: new EventFeedRepository(dataSource),
        numberAll: async (batchSize = 500) => {
          for (;;) if ((await sequencer.numberNext(batchSize))?.count === 0) return;
        },
      };
    },
    connect: async () => {
      const client = new Client({ connectionString: database.url });
      // A test may end its session.
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    close: async () => {
      await Promise.all(sources.map((source) => source.destroy()));
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await database.drop();
    },
  };
}

/** A task engine that inserts tasks and runs none. */
function tasksOf(dataSource: DataSource): Tasks {
  const loops = new BackgroundLoops(new Metrics());
  return new Tasks(
    new TaskRepository(dataSource),
    new OrderTasksRepository(dataSource),
    new Settings(),
    new DatabaseOutage(),
    loops,
  );
}

/**
 * Changes an order as the service does, in the transaction of the caller.
 *
 * @param notification headers of the call that notifies the customer, where one is due
 */
export async function addEvent(client: Client, orderId: string, notification?: object): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `UPDATE orders SET version = version + 1 WHERE id = $1 RETURNING version`,
    [orderId],
  );
  await client.query(
    `INSERT INTO order_events (order_id, seq, type, from_status, to_status, actor, occurred_at, notification)
     VALUES ($1, $2, 'status_changed', 'confirmed', 'shipped', 'test', now(), $3)`,
    [orderId, rows[0]?.version, notification],
  );
}

/** All events of the feed, by pages. */
export async function readFeed({ feed }: FeedInstance, from = 0): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for (let after = from; ;) {
    const page = await feed.findPage(null, { after, limit: 100 });
    events.push(...page.events);
    if (page.readUntil === page.lastNo) return events;
    after = page.readUntil;
  }
}

/** What is wrong with the order of a feed: gaps, and events of an order that are not one after another. */
export function findDisorder(events: readonly FeedEvent[], firstNo = 1): string[] {
  const gaps = events.flatMap(({ feedNo }, index) =>
    feedNo === firstNo + index ? [] : [`number ${feedNo} at position ${index}`],
  );
  const disorders = [...Map.groupBy(events, ({ orderId }) => orderId)].flatMap(([orderId, own]) => {
    const seqs = own.map(({ seq }) => seq);
    return seqs.every((seq, index) => index === 0 || seq === (seqs[index - 1] ?? 0) + 1)
      ? []
      : [`${orderId} has the versions ${seqs.join()}`];
  });
  return [...gaps, ...disorders];
}
