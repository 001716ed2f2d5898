import { Client, type ClientConfig, type Connection } from 'pg';

/** A server that does not accept a cancel request in this time does not answer at all. */
export const CANCEL_MS = 500;

/** Methods of the driver's connection without a declaration. */
interface CancelConnection extends Connection {
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/**
 * Asks the server to cancel the statement of a session, on a connection of its own:
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 *
 * The driver's own `cancel` does not encrypt this connection and needs the statement.
 *
 * @param client the session
 * @param config with which it was connected
 */
export function sendCancelRequest(client: Client, config: ClientConfig): void {
  const processId = Reflect.get(client, 'processID') as number;
  const secretKey = Reflect.get(client, 'secretKey') as number;
  const canceller = new Client(config);
  const connection = canceller.connection as CancelConnection;
  const timer = setTimeout(() => connection.stream.destroy(), CANCEL_MS);
  // A failed request changes nothing: the caller closes the session when it gets no answer.
  connection.on('error', () => undefined);
  connection.once('end', () => clearTimeout(timer));
  connection.once('connect', () => {
    if (canceller.ssl) connection.requestSsl();
    else connection.cancel(processId, secretKey);
  });
  connection.once('sslconnect', () => connection.cancel(processId, secretKey));
  if (canceller.host.startsWith('/')) connection.connect(`${canceller.host}/.s.PGSQL.${canceller.port}`);
  else connection.connect(canceller.port, canceller.host);
}
