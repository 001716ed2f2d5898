/** A kind of error that clients distinguish by its `type`, and the content of its page. */
export interface ProblemType {
  status: number;
  /** Constant for the type, as RFC 9457 asks; `detail` describes the occurrence. */
  title: string;
  /** The cause, in one or two sentences. */
  cause: string;
  /** What the client should do now. */
  remedy: string;
  /** Additional members by name, with their meaning. */
  members?: Record<string, string>;
}

/** Where the page of each problem type is, relative to the service. */
export const PROBLEM_PATH = '/problems/';

const types = new Map<string, ProblemType>();

/**
 * Adds kinds of problems to the one table of them. Every part of the service defines its own, beside its code.
 *
 * @throws {Error} when a name is taken: its page and its meaning are promised to clients
 */
export function defineProblemTypes<Name extends string>(
  definitions: Record<Name, ProblemType>,
): Readonly<Record<Name, ProblemType>> {
  for (const [name, type] of Object.entries<ProblemType>(definitions)) {
    if (types.has(name)) throw new Error(`the problem type ${name} is defined twice`);
    types.set(name, type);
  }
  return definitions;
}

/** The table: every kind of problem that this service can answer with, by the name that its `type` ends with. */
export function problemTypes(): ReadonlyMap<string, ProblemType> {
  return types;
}
