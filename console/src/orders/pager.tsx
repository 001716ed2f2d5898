import type { OrderList } from '../api/types.ts';
import { cameFromInside } from '../shell/history.ts';
import { useShortcuts } from '../ui/shortcuts.ts';
import { type ListView, PAGE_SIZES } from './use-order-list.ts';

interface Props {
  view: ListView;
  nextCursor: string | null;
  list: OrderList;
}

/** From page to page by keyset: as quick at the end of ten million orders as at their beginning. */
export function Pager({ view, nextCursor, list }: Props) {
  const older = (): void => {
    if (nextCursor === null) return;
    view.setCursor(nextCursor);
    window.scrollTo(0, 0);
  };
  // A keyset has no way back. From an address that was opened directly, only "Newest" is possible.
  const hasNewer = view.cursor !== null && cameFromInside();
  const newer = (): void => {
    if (hasNewer) window.history.back();
  };
  useShortcuts({ n: older, p: newer });
  return (
    <nav className="pager" aria-label="Pages of the list">
      <span className="muted">{describePage(list, view.cursor === null)}</span>
      <label className="muted">
        Rows{' '}
        <select
          value={view.rowsPerPage}
          onChange={(event) => view.setRowsPerPage(Number(event.target.value))}
        >
          {PAGE_SIZES.map((size) => (
            <option key={size}>{size}</option>
          ))}
        </select>
      </label>
      {view.cursor !== null && (
        <button type="button" className="button" onClick={() => view.setCursor(null)}>
          Newest
        </button>
      )}
      <button type="button" className="button" onClick={newer} disabled={!hasNewer}>
        Newer
      </button>
      <button type="button" className="button" onClick={older} disabled={nextCursor === null}>
        Older
      </button>
    </nav>
  );
}

/** As in `1–50 of 1,234 orders`. A keyset does not say how many orders are before its page. */
function describePage({ count, total, total_is_exact: isExact }: OrderList, isFirst: boolean): string {
  const all = `${isExact ? '' : 'at least '}${total.toLocaleString('en')} ${total === 1 ? 'order' : 'orders'}`;
  if (count === total && (isExact || total === 0)) return `${total} ${total === 1 ? 'order' : 'orders'}`;
  return `${isFirst && count > 0 ? '1–' : ''}${count} of ${all}`;
}
