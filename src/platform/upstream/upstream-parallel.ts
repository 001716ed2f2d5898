/**
 * Does one piece of work per input, at most `atOnce` of them at the same time.
 *
 * @returns the results in the order of the inputs
 * @throws what the first failing piece of work threw; nothing new is started after it
 */
export async function mapBounded<Input, Output>(
  inputs: readonly Input[],
  atOnce: number,
  work: (input: Input) => Promise<Output>,
): Promise<Output[]> {
  const results: Output[] = [];
  const remaining = inputs.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, input] of remaining) {
      if (failed) return;
      try {
        results[index] = await work(input);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, inputs.length) }, worker));
  return results;
}
