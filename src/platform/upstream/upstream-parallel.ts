/**
 * Runs one action per input, at most `atOnce` concurrently.
 *
 * @returns the results in the order of the inputs
 * @throws the error of the first failing action; nothing new is started after it
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
