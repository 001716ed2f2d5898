import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../../platform/database/connection.js';
import { inTransaction } from '../../platform/database/transaction.js';
import type { StoredSecret, WebhookEndpoint } from '../webhook-endpoint.entity.js';

/** What a client sets of an endpoint. */
export type EndpointOptions = Pick<WebhookEndpoint, 'url' | 'description' | 'eventTypes'>;

/** A new endpoint. */
export interface NewEndpoint extends EndpointOptions {
  id: string;
  secret: StoredSecret;
}

/** Names the lock of creations, so that two of them do not both take the last place. */
const CREATION_LOCK = 1_795_800_000;

const ENDPOINT = `id, url, description, event_types AS "eventTypes", state, disabled_reason AS "disabledReason",
  disabled_at AS "disabledAt", secrets, read_until::text AS "readUntil", last_matched::text AS "lastMatched",
  replay_after::text AS "replayAfter", replay_read_until::text AS "replayReadUntil",
  replay_until::text AS "replayUntil", replay_last_matched::text AS "replayLastMatched",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const IS_KNOWN = `state <> 'deleted'`;

/** The statements of the API on webhook endpoints. Deleted ones are not found. */
@Injectable()
export class WebhookEndpointsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Oldest first. */
  async findAll(): Promise<WebhookEndpoint[]> {
    return this.dataSource.query<WebhookEndpoint[]>(
      `SELECT ${ENDPOINT} FROM webhook_endpoints WHERE ${IS_KNOWN} ORDER BY created_at, id`,
    );
  }

  async find(id: string): Promise<WebhookEndpoint | undefined> {
    const [endpoint] = await this.dataSource.query<WebhookEndpoint[]>(
      `SELECT ${ENDPOINT} FROM webhook_endpoints WHERE id = $1 AND ${IS_KNOWN}`,
      [id],
    );
    return endpoint;
  }

  /** Inserts an endpoint that gets the events after the last one of the feed. @returns undefined if there are `most` */
  async insertUnlessFull(endpoint: NewEndpoint, most: number): Promise<WebhookEndpoint | undefined> {
    return inTransaction(this.dataSource, async (transaction) => {
      await this.lockCreation(transaction);
      if ((await this.count(transaction)) >= most) return undefined;
      return this.insert(transaction, endpoint);
    });
  }

  /** Changes some options. @returns undefined when there is no such endpoint */
  async update(id: string, changes: Partial<EndpointOptions>): Promise<WebhookEndpoint | undefined> {
    const { url, description, eventTypes } = changes;
    return this.change(
      `UPDATE webhook_endpoints SET url = coalesce($2, url),
         description = CASE WHEN $3 THEN $4 ELSE description END,
         event_types = CASE WHEN $5 THEN $6::text[] ELSE event_types END, updated_at = now()
       WHERE id = $1 AND ${IS_KNOWN} RETURNING ${ENDPOINT}`,
      [id, url, description !== undefined, description, eventTypes !== undefined, eventTypes],
    );
  }

  /** Lets the endpoint go on where it stopped. One that is enabled is not changed. */
  async enable(id: string): Promise<WebhookEndpoint | undefined> {
    return this.change(
      `UPDATE webhook_endpoints SET state = 'enabled', disabled_reason = NULL, disabled_at = NULL,
         updated_at = CASE state WHEN 'enabled' THEN updated_at ELSE now() END
       WHERE id = $1 AND ${IS_KNOWN} RETURNING ${ENDPOINT}`,
      [id],
    );
  }

  /** Stops deliveries for an operator. One that is disabled keeps its reason. */
  async disable(id: string): Promise<WebhookEndpoint | undefined> {
    return this.change(
      `UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = coalesce(disabled_reason, 'operator'),
         disabled_at = coalesce(disabled_at, now()),
         updated_at = CASE state WHEN 'disabled' THEN updated_at ELSE now() END
       WHERE id = $1 AND ${IS_KNOWN} RETURNING ${ENDPOINT}`,
      [id],
    );
  }

  /** Begins a replay. @returns undefined when there is no such endpoint, or its replay is not finished */
  async startReplay(id: string, after: number, until: number): Promise<WebhookEndpoint | undefined> {
    return this.change(
      `UPDATE webhook_endpoints SET replay_after = $2, replay_read_until = $2, replay_until = $3,
         replay_last_matched = NULL, updated_at = now()
       WHERE id = $1 AND ${IS_KNOWN} AND replay_until IS NULL RETURNING ${ENDPOINT}`,
      [id, after, until],
    );
  }

  /** Ends a replay. Tasks that it has queued stay. @returns whether there was one */
  async cancelReplay(id: string): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE webhook_endpoints SET replay_after = NULL, replay_read_until = NULL, replay_until = NULL,
         replay_last_matched = NULL, updated_at = now()
       WHERE id = $1 AND ${IS_KNOWN} AND replay_until IS NOT NULL`,
      [id],
    );
    return affected > 0;
  }

  /** Hides the endpoint, whose secrets are forgotten at once. @returns whether there was one */
  async markDeleted(id: string): Promise<boolean> {
    const [, affected] = await this.dataSource.query<[unknown, number]>(
      `UPDATE webhook_endpoints SET state = 'deleted', secrets = '[]', updated_at = now() WHERE id = $1 AND ${IS_KNOWN}`,
      [id],
    );
    return affected > 0;
  }

  /** Replaces the secrets by those that the function returns. @returns undefined when there is no such endpoint */
  async replaceSecrets(
    id: string,
    replace: (secrets: readonly StoredSecret[]) => readonly StoredSecret[],
  ): Promise<WebhookEndpoint | undefined> {
    return inTransaction(this.dataSource, async (transaction) => {
      const secrets = await this.lockSecrets(transaction, id);
      return secrets && this.updateSecrets(transaction, id, replace(secrets));
    });
  }

  private async change(text: string, values: unknown[]): Promise<WebhookEndpoint | undefined> {
    const [rows] = await this.dataSource.query<[WebhookEndpoint[], number]>(text, values);
    return rows[0];
  }

  /** Held to the end of the transaction. */
  private async lockCreation(sql: Sql): Promise<void> {
    await sql.query(`SELECT pg_advisory_xact_lock($1)`, [CREATION_LOCK]);
  }

  private async count(sql: Sql): Promise<number> {
    const [row] = await sql.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM webhook_endpoints WHERE ${IS_KNOWN}`,
    );
    return row?.count ?? 0;
  }

  private async insert(sql: Sql, { id, secret, ...options }: NewEndpoint): Promise<WebhookEndpoint> {
    const { url, description, eventTypes } = options;
    const [endpoint] = await sql.query<WebhookEndpoint[]>(
      `INSERT INTO webhook_endpoints (id, url, description, event_types, state, secrets, read_until, created_at, updated_at)
       SELECT $1, $2, $3, $4::text[], 'enabled', $5::json, last_no, $6::timestamptz, $6::timestamptz FROM event_feed WHERE id = 1
       RETURNING ${ENDPOINT}`,
      [id, url, description, eventTypes, JSON.stringify([secret]), secret.created_at],
    );
    if (!endpoint) throw new Error('the table event_feed has no row');
    return endpoint;
  }

  private async lockSecrets(sql: Sql, id: string): Promise<StoredSecret[] | undefined> {
    const [row] = await sql.query<{ secrets: StoredSecret[] }[]>(
      `SELECT secrets FROM webhook_endpoints WHERE id = $1 AND ${IS_KNOWN} FOR NO KEY UPDATE`,
      [id],
    );
    return row?.secrets;
  }

  private async updateSecrets(
    sql: Sql,
    id: string,
    secrets: readonly StoredSecret[],
  ): Promise<WebhookEndpoint | undefined> {
    const [rows] = await sql.query<[WebhookEndpoint[], number]>(
      `UPDATE webhook_endpoints SET secrets = $2::json, updated_at = now() WHERE id = $1 RETURNING ${ENDPOINT}`,
      [id, JSON.stringify(secrets)],
    );
    return rows[0];
  }
}
