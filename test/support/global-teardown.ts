/** Drops the databases of the run and stops the server that was started for it. */
export default async function globalTeardown(): Promise<void> {
  const finish: unknown = Reflect.get(globalThis, Symbol.for('order-service.finish-test-run'));
  // Nothing is there when the setup has failed, which then has cleaned up after itself.
  if (typeof finish === 'function') await finish();
}
