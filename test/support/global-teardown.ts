/** Drops the databases of the run and stops the server that was started for it. */
export default async function globalTeardown(): Promise<void> {
  const finish: unknown = Reflect.get(globalThis, Symbol.for('order-service.finish-test-run'));
  // After a failed setup there is nothing to do, because the setup has cleaned up itself.
  if (typeof finish === 'function') await finish();
}
