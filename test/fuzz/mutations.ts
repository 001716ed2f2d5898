import fc, { type Arbitrary } from 'fast-check';
import { BODY_MUTATIONS } from './body-mutations.ts';
import type { Mutation } from './draft.ts';
import { HEADER_MUTATIONS } from './header-mutations.ts';
import { TARGET_MUTATIONS } from './target-mutations.ts';

/** All mutations of a valid request. Most of them change the body. */
export const mutation: Arbitrary<Mutation> = fc.oneof(
  { weight: 5, arbitrary: fc.oneof(...BODY_MUTATIONS) },
  { weight: 2, arbitrary: fc.oneof(...HEADER_MUTATIONS) },
  { weight: 3, arbitrary: fc.oneof(...TARGET_MUTATIONS) },
);
