import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { connect, preparedOn, type Sql } from '../connection.js';
import { Batcher } from './batcher.js';

/** Reads that go to the server together; more would keep the first of them waiting for the last. */
const MAX_READS = 64;

/** Connections that they take at most: one is waited for while the other is read from. */
const LANES = 2;

interface Read {
  text: string;
  values: unknown[];
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Statements that find few rows by a key, of which many are asked for at the same time. They share a connection and
 * its round trips, so they have to be quick: each waits for those before it.
 */
@Injectable()
export class PointReads implements Sql {
  private readonly reads = new Batcher<Read>((reads) => this.read(reads), MAX_READS, LANES);

  constructor(private readonly dataSource: DataSource) {}

  async query<Result>(text: string, values: unknown[] = []): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.reads.add({ text, values, resolve: (result) => resolve(result as Result), reject });
    });
  }

  private async read(reads: Read[]): Promise<void> {
    let client: PoolClient;
    try {
      client = await connect(this.dataSource);
    } catch (error) {
      for (const read of reads) read.reject(error);
      return;
    }
    const sql = preparedOn(client);
    await Promise.all(
      reads.map(async ({ text, values, resolve, reject }) => sql.query(text, values).then(resolve, reject)),
    );
    client.release();
  }
}
