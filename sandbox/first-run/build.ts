/** Loads a module of the built service: Node runs this file as it is, but not those with decorators. */
export async function loadBuilt<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as Module;
}
