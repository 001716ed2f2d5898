import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type PoolClient, Query } from 'pg';
import { DataSource } from 'typeorm';
import { connect } from '../../src/platform/database/connection.js';
import { dataSourceOptions } from '../../src/platform/database/data-source.js';
import { ResilientClient } from '../../src/platform/database/session/resilient-client.js';
import { pipeline } from '../../src/platform/database/statement-message.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Members of pg that no release promises, with the files that use them. A release of pg that changes one fails here. */
const CLIENT_MEMBERS = [
  // resilient-client.ts
  '_activeQuery',
  '_ending',
  '_handleErrorEvent',
  '_queryQueue',
  '_queryable',
  '_sentQueryQueue',
  'connectionParameters',
];
const CONNECTION_MEMBERS = [
  // statement-message.ts
  'parsedStatements',
  'submittedNamedStatements',
  'sync',
];

let database: TestDatabase;
let dataSource: DataSource;
let client: PoolClient;

beforeAll(async () => {
  database = await createTestDatabase();
  const settings = { DATABASE_URL: database.url, DATABASE_TLS: 'off', DATABASE_POOL_SIZE: 1 } as const;
  dataSource = await new DataSource(await dataSourceOptions(settings)).initialize();
  await dataSource.query('CREATE TABLE notes (id integer PRIMARY KEY)');
});

beforeEach(async () => {
  await dataSource.query('TRUNCATE notes');
  client = await connect(dataSource);
});

afterEach(() => client.release());

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

function resilient(): ResilientClient {
  if (!(client instanceof ResilientClient)) throw new Error('the pool has connections of another class');
  return client;
}

/** The types of the messages to the server during `work`: P(arse), B(ind), D(escribe), E(xecute), S(ync), Q(uery). */
async function messagesOf(work: () => Promise<unknown>): Promise<string> {
  const { stream } = resilient().connection;
  const write = stream.write.bind(stream);
  let types = '';
  const recorded = (bytes: Buffer): boolean => {
    for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
      types += String.fromCharCode(bytes[at] ?? 0);
    return write(bytes);
  };
  stream.write = recorded as typeof stream.write;
  try {
    await work();
  } finally {
    stream.write = write;
  }
  return types;
}

describe('the PostgreSQL driver', () => {
  it('has the unpublished members that the service uses', () => {
    const missing = [
      ...CLIENT_MEMBERS.filter((name) => !(name in resilient())),
      ...CONNECTION_MEMBERS.filter((name) => !(name in resilient().connection)),
    ];
    expect(missing).toEqual([]);
  });

  it('passes no message to a query that a pipeline does not handle', () => {
    const handlers = Object.getOwnPropertyNames(Query.prototype).filter((name) => name.startsWith('handle'));
    expect(handlers.toSorted()).toEqual([
      'handleCommandComplete',
      // COPY, statements without text and the option `rows` are never pipelined.
      'handleCopyData',
      'handleCopyInResponse',
      'handleDataRow',
      'handleEmptyQuery',
      'handleError',
      'handlePortalSuspended',
      'handleReadyForQuery',
      'handleRowDescription',
    ]);
  });

  it('sends a pipeline with one Sync, and parses each text once a connection', async () => {
    const statements = [
      { text: 'BEGIN', values: [] },
      { text: 'INSERT INTO notes VALUES ($1)', values: [1] },
      { text: 'COMMIT', values: [] },
    ];
    const run = (): Promise<unknown> => Promise.all(pipeline(client, statements));
    expect(await messagesOf(run)).toBe('PBDEPBDEPBDES');
    await client.query('TRUNCATE notes');
    expect(await messagesOf(run)).toBe('BDEBDEBDES');
  });

  it('continues after a failed statement in its own pipeline mode, so transactions use one Sync', async () => {
    const texts = ['SELECT 1 / 0', 'INSERT INTO notes VALUES (1)', 'COMMIT'];
    const query = (text: string): Promise<unknown> => client.query({ name: text, text });
    const outcomes = await Promise.allSettled(texts.map(query));
    expect(outcomes[0]?.status).toBe('rejected');
    expect((await client.query('SELECT id FROM notes')).rows).toEqual([{ id: 1 }]);
  });
});
