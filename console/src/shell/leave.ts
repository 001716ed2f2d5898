import { refusedSession } from '../api/client.ts';
import { queryClient } from '../api/query-client.ts';
import { signOut } from '../api/session.ts';
import { clearSelection, closeBulkDialog } from '../orders/bulk/selection.ts';

/** Forgets what one person has read and selected, so that the next one neither sees nor changes it. */
export function forgetPerson(): void {
  queryClient.clear();
  clearSelection();
  closeBulkDialog();
}

export function leave(): void {
  signOut();
  refusedSession.set(null);
  forgetPerson();
}
