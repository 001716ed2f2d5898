import { Bounded, type Bulkhead } from '../../platform/http/bounded-routes.js';

export const PLACEMENTS: Bulkhead = {
  kind: 'placements',
  permits: ({ MAX_PLACEMENTS }) => MAX_PLACEMENTS,
  // As many may wait as are in progress: more than those could not get in in time anyway.
  maxWaiting: ({ MAX_PLACEMENTS }) => MAX_PLACEMENTS,
  admissionMs: 0,
  isAdaptive: true,
};

/** For operations that place orders, which need other services and take accordingly long. */
export function BoundedPlacements(): MethodDecorator {
  return Bounded(PLACEMENTS);
}
