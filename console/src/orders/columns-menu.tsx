import { Menu } from '../ui/menu.tsx';
import { COLUMN_NAMES, FIXED_COLUMN } from './columns.tsx';

/** Chooses what the list shows of each order. */
export function ColumnsMenu({ shown, onShow }: { shown: string[]; onShow: (ids: string[]) => void }) {
  return (
    <Menu className="menu" summaryClassName="button" summary="Columns">
      <fieldset className="menu-content">
        <legend className="visually-hidden">Columns</legend>
        {COLUMN_NAMES.map(([id, name]) => (
          <label key={id} className="check">
            <input
              type="checkbox"
              checked={shown.includes(id)}
              disabled={id === FIXED_COLUMN}
              onChange={(event) =>
                onShow(event.target.checked ? [...shown, id] : shown.filter((other) => other !== id))
              }
            />
            {name}
          </label>
        ))}
      </fieldset>
    </Menu>
  );
}
