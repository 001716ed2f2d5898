import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { connect, preparedOn, type Sql } from '../connection.js';
import { Batcher, type Entry } from './batcher.js';

/** Reads that go to the server together; more would keep the first of them waiting for the last. */
const MAX_READS = 64;

/** Connections that they take at most: one is waited for while the other is read from. */
const LANES = 2;

interface Read {
  text: string;
  values: unknown[];
}

/**
 * Quick reads by key that arrive in large numbers. They share a connection and its round trips (pipelining), so each
 * waits for the ones before it and has to be short.
 */
@Injectable()
export class PointReads implements Sql {
  private readonly reads = new Batcher<Read, unknown>((reads) => this.read(reads), MAX_READS, LANES);

  constructor(private readonly dataSource: DataSource) {}

  async query<Result>(text: string, values: unknown[] = []): Promise<Result> {
    return (await this.reads.add({ text, values })) as Result;
  }

  private async read(reads: readonly Entry<Read, unknown>[]): Promise<void> {
    const client = await connect(this.dataSource);
    const sql = preparedOn(client);
    await Promise.all(
      reads.map(({ item: { text, values }, resolve, reject }) =>
        sql.query(text, values).then(resolve, reject),
      ),
    );
    client.release();
  }
}
