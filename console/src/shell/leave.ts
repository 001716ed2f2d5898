import { refusedSession } from '../api/client.ts';
import { queryClient } from '../api/query-client.ts';
import { signOut } from '../api/session.ts';

/** Signs out and forgets everything that was read. */
export function leave(): void {
  signOut();
  refusedSession.set(null);
  queryClient.clear();
}
