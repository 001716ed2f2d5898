import { type Connection, type PoolClient, Query, type QueryResult } from 'pg';

/** A statement, prepared by its text, which never holds a value. */
export interface Statement {
  text: string;
  values: unknown[];
}

/** The interface between the driver and a query, which its types declare only in part. */
interface DriverQuery {
  name: string;
  text: string;
  /** @returns why it was not sent, if so */
  submit(connection: Connection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
  /** Called in place of `handleReadyForQuery`, with an error of the server or at the end of the connection. */
  handleError(error: unknown, connection: Connection): void;
  handleReadyForQuery(connection: Connection): void;
}

/** Prepared statements of the connection, and those in progress, by name. */
interface DriverConnection extends Connection {
  parsedStatements: Record<string, string | undefined>;
  submittedNamedStatements: Record<string, string | undefined>;
}

/** The names of all statements so far. There are as many as the code has texts. */
const names = new Map<string, string>();

/** The name by which connections prepare a text. */
export function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `s${names.size + 1}`;
    names.set(text, name);
  }
  return name;
}

/**
 * Pipelines statements with a single Sync at the end (PostgreSQL's extended query protocol). The server runs them in
 * order up to the first that fails and skips the rest, so BEGIN and COMMIT can be among them, in one round trip. The
 * driver itself sends a Sync after each statement, after which the server continues despite a failure.
 *
 * Measured side by side with BEGIN, statements and COMMIT as three round trips: a lone order takes 0.75 to 0.8 of the
 * time, and 64 clients place 1.2 times as many orders. It uses unpublished parts of the driver; pg-driver.spec.ts fails
 * when a release of pg changes them. See docs/decisions/0043.
 *
 * @returns the result of each, once all are done; statements after a failed one reject with the same error
 */
export function pipeline(client: PoolClient, statements: readonly Statement[]): Promise<QueryResult>[] {
  const parts = statements.map((statement) => new PipelinedQuery(statement));
  client.query(new StatementMessage(parts));
  return parts.map(({ result }) => result);
}

/** A statement of a message. The driver creates it and reads its result. */
class PipelinedQuery {
  readonly query: DriverQuery;
  readonly result: Promise<QueryResult>;
  failure: Error | undefined;

  constructor({ text, values }: Statement) {
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult>();
    this.result = promise;
    const done = (error: Error | null | undefined, result: QueryResult): void => {
      this.failure = error ?? undefined;
      if (error) reject(error);
      else resolve(result);
    };
    this.query = new Query({ name: nameOf(text), text, values }, undefined, done) as unknown as DriverQuery;
  }

  /** @returns whether it was sent; its values may be such that it can't be */
  send(connection: Connection): boolean {
    const error = this.query.submit(connection);
    if (error) this.query.handleError(error, connection);
    return this.failure === undefined;
  }
}

/** One query to the driver, which takes only its own kind where queries follow each other without waiting. */
class StatementMessage extends Query {
  /** Name of the statement whose result is next: the driver uses it to remember prepared statements. */
  declare name: string | undefined;
  declare text: string | undefined;
  private answered = 0;

  constructor(private readonly parts: readonly PipelinedQuery[]) {
    super('');
    this.showNext();
  }

  override submit = (connection: Connection): void => {
    const withoutSync = Object.create(connection, { sync: { value: () => undefined } }) as Connection;
    connection.stream.cork();
    // Statements after one that can't be sent must not run either, least of all COMMIT.
    this.parts.every((part) => part.send(withoutSync));
    connection.sync();
    connection.stream.uncork();
  };

  handleRowDescription(message: unknown): void {
    this.parts[this.answered]?.query.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.parts[this.answered]?.query.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    this.parts[this.answered]?.query.handleCommandComplete(message, connection);
    this.answered += 1;
    this.showNext();
  }

  handleReadyForQuery(connection: DriverConnection): void {
    const unsent = this.parts[this.answered];
    // The driver has closed it, and noted that it was parsed.
    if (unsent) delete connection.parsedStatements[unsent.query.name];
    this.end(unsent?.failure, connection);
  }

  handleError(error: unknown, connection: DriverConnection): void {
    this.end(error, connection);
  }

  private end(error: unknown, connection: DriverConnection): void {
    for (const [at, { query }] of this.parts.entries()) {
      if (at < this.answered) {
        query.handleReadyForQuery(connection);
      } else {
        // The server has not parsed it, or the driver knows.
        delete connection.submittedNamedStatements[query.name];
        query.handleError(error, connection);
      }
    }
  }

  private showNext(): void {
    const next = this.parts[this.answered]?.query;
    this.name = next?.name;
    this.text = next?.text;
  }
}
