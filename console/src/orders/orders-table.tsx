import { FlexRender, type Row, useTable } from '@tanstack/react-table';
import type { RefObject } from 'react';
import type { Order } from '../api/types.ts';
import { COLUMNS, features } from './columns.tsx';
import { setSelected, toggle, useSelection } from './bulk/selection.ts';

interface Props {
  orders: Order[];
  shown: string[];
  /** Whether rows can be selected: there is something to be done with them. */
  isSelectable: boolean;
  list: RefObject<HTMLTableElement | null>;
}

/** On a phone the rows are drawn as cards, which would take the table's meaning from it; the roles give it back. */
export function OrdersTable({ orders, shown, isSelectable, list }: Props) {
  const columnVisibility = Object.fromEntries(COLUMNS.map(({ id = '' }) => [id, shown.includes(id)]));
  const table = useTable({
    features,
    columns: COLUMNS,
    data: orders,
    getRowId: (order) => order.order_id,
    state: { columnVisibility },
  });
  const selection = useSelection();
  const selectedHere = orders.filter(({ order_id: id }) => selection.has(id)).length;
  return (
    <table className={classOf(shown)} role="table" aria-label="Orders" ref={list}>
      <thead role="rowgroup">
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id} role="row">
            {isSelectable && (
              <th role="columnheader" scope="col" className="cell-select">
                <input
                  type="checkbox"
                  aria-label="Select all orders of this page"
                  ref={(box) => {
                    if (box) box.indeterminate = selectedHere > 0 && selectedHere < orders.length;
                  }}
                  checked={orders.length > 0 && selectedHere === orders.length}
                  onChange={(event) => setSelected(orders, event.target.checked)}
                />
              </th>
            )}
            {group.headers.map((header) => (
              <th key={header.id} role="columnheader" scope="col" className={`cell-${header.column.id}`}>
                <table.FlexRender header={header} />
              </th>
            ))}
          </tr>
        ))}
      </thead>
      <tbody role="rowgroup">
        {table.getRowModel().rows.map((row) => (
          <OrderRow
            key={row.id}
            row={row}
            orders={orders}
            isSelectable={isSelectable}
            isSelected={selection.has(row.id)}
          />
        ))}
      </tbody>
    </table>
  );
}

/** Beyond these there is no room for an e-mail address on most screens, and beyond those not even for all columns. */
const ROOMY_COLUMNS = 6;
const FITTING_COLUMNS = 7;

function classOf({ length }: string[]): string {
  if (length > FITTING_COLUMNS) return 'list narrow wide';
  return length > ROOMY_COLUMNS ? 'list narrow' : 'list';
}

interface RowProps {
  row: Row<typeof features, Order>;
  orders: Order[];
  isSelectable: boolean;
  isSelected: boolean;
}

function OrderRow({ row, orders, isSelectable, isSelected }: RowProps) {
  return (
    <tr role="row" data-row={row.id} className={isSelected ? 'selected' : undefined}>
      {isSelectable && (
        <td role="cell" className="cell-select">
          <input
            type="checkbox"
            aria-label={`Select order ${row.id}`}
            checked={isSelected}
            onChange={(event) => {
              const { nativeEvent } = event;
              toggle(row.id, orders, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey);
            }}
          />
        </td>
      )}
      {row.getVisibleCells().map((cell) => (
        <td key={cell.id} role="cell" className={`cell-${cell.column.id}`}>
          <FlexRender cell={cell} />
        </td>
      ))}
    </tr>
  );
}
