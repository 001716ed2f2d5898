import { clearSelection, MAX_SELECTED, useSelection } from './selection.ts';

/** What can be done with the selected orders. */
export function SelectionBar({ onChangeStatus }: { onChangeStatus: () => void }) {
  const { size } = useSelection();
  if (size === 0) return null;
  return (
    <section className="selection-bar" aria-label="Selected orders">
      <output>
        {size} selected{size === MAX_SELECTED ? ', which is as many as fit' : ''}
      </output>
      <button type="button" className="button button-primary" onClick={onChangeStatus}>
        Change status <kbd>s</kbd>
      </button>
      <button type="button" className="button" onClick={clearSelection}>
        Clear <kbd>Esc</kbd>
      </button>
    </section>
  );
}
