import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { countSlowReader } from './load.metrics.js';

/** How slowly a client may read. */
export interface ReaderLimits {
  /** Half of what an EDGE connection transfers; a client below it would hold an export of 25 MB for half an hour. */
  bytesPerSecond: number;
  /** How long a client may pause, in milliseconds: a disk that is busy, or a network that is away for a moment. */
  graceMs: number;
  /** How often connections are checked. */
  checkMs: number;
}

export const READER_LIMITS: ReaderLimits = { bytesPerSecond: 16_384, graceMs: 10_000, checkMs: 1_000 };

/** The state of a connection. */
interface Reader {
  bytesWritten: number;
  /** How long the client may go on as slowly as this before its connection is reset. */
  leftMs: number;
}

/**
 * Resets connections whose clients leave data unread for too long, or read less than a minimum rate on average. Time
 * counts only while data waits to be sent, so an idle stream or a slow database does no harm. It is a reset, because
 * an orderly end would make an export look complete.
 */
export function cutSlowReaders(server: FastifyInstance, limits: ReaderLimits): void {
  const readers = new Map<Socket, Reader>();
  server.server.on('connection', (socket: Socket) => {
    readers.set(socket, { bytesWritten: 0, leftMs: limits.graceMs });
    socket.once('close', () => readers.delete(socket));
  });
  let lastCheck = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // While the event loop was blocked, no client could have been sent anything.
    const elapsedMs = Math.min(now - lastCheck, 2 * limits.checkMs);
    lastCheck = now;
    for (const [socket, reader] of readers) {
      if (isTooSlow(socket, reader, elapsedMs, limits)) {
        countSlowReader();
        socket.resetAndDestroy();
      }
    }
  }, limits.checkMs).unref();
  server.addHook('onClose', async () => clearInterval(timer));
}

/** Whether the time that the client has is used up. Each byte that it reads gives it more. */
function isTooSlow(
  socket: Socket,
  reader: Reader,
  elapsedMs: number,
  { graceMs, bytesPerSecond }: ReaderLimits,
): boolean {
  const msFor = (bytes: number): number => (bytes / bytesPerSecond) * 1_000;
  const sent = socket.bytesWritten - reader.bytesWritten;
  reader.bytesWritten = socket.bytesWritten;
  if (socket.writableLength === 0) {
    reader.leftMs = graceMs;
    return false;
  }
  // How much of a single large write has been read is not known before it is all read.
  const mostMs = graceMs + msFor(socket.writableLength);
  reader.leftMs = Math.min(mostMs, reader.leftMs - elapsedMs + msFor(sent));
  return reader.leftMs <= 0;
}
