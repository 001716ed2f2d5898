import type { Order } from '../../api/types.ts';
import { clearSelection, MAX_SELECTED, openBulkDialog, useSelection } from './selection.ts';

/** Actions on the selected orders. @param shown the orders of the page; only some of them may be selected */
export function SelectionBar({ shown }: { shown: readonly Order[] }) {
  const selection = useSelection();
  const { size } = selection;
  if (size === 0) return null;
  const elsewhere = size - shown.filter(({ order_id: id }) => selection.has(id)).length;
  return (
    <section className="selection-bar" aria-label="Selected orders">
      <output>
        {size} selected
        {elsewhere > 0 && `, ${elsewhere} of them not on this page`}
        {size === MAX_SELECTED && ' (the maximum)'}
      </output>
      <button type="button" className="button button-primary" onClick={openBulkDialog}>
        Change status <kbd>s</kbd>
      </button>
      <button type="button" className="button" onClick={clearSelection}>
        Clear <kbd>Esc</kbd>
      </button>
    </section>
  );
}
