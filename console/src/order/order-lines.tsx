import type { Order } from '../api/types.ts';
import { formatMoney } from '../ui/money.ts';

/** Sums of money are the service's; this one is for the eye, and has no more decimals than the parts of it. */
function lineTotal(price: number | null, quantity: number): number | null {
  return price === null ? null : Math.round(price * quantity * 10_000) / 10_000;
}

export function OrderLines({ order: { items, currency, total_amount: total } }: { order: Order }) {
  return (
    <section aria-labelledby="lines">
      <h2 id="lines">Lines</h2>
      {/* What scrolls must be reachable by keyboard. */}
      <section className="scroll" tabIndex={0} aria-label="Products of the order">
        <table className="list compact lines">
          <thead>
            <tr>
              <th scope="col">Product</th>
              <th scope="col" className="number">
                Quantity
              </th>
              <th scope="col" className="number line-price">
                Price
              </th>
              <th scope="col" className="number">
                Amount
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item, index) => (
              // Lines have no id, and never change their places.
              // oxlint-disable-next-line react/no-array-index-key -- the place is what tells a line from another
              <tr key={index}>
                <td>
                  <span className="two-part">
                    <span>{item.product_name ?? item.product_id}</span>
                    <span className="muted mono">{item.product_id}</span>
                  </span>
                </td>
                <td className="number">{item.quantity}</td>
                <td className="number line-price">{formatMoney(item.price, currency)}</td>
                <td className="number">{formatMoney(lineTotal(item.price, item.quantity), currency)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={2}>
                Total{items.length > 1 && ` of ${items.length} lines`}
              </th>
              <td className="line-price" />
              <td className="number">
                <strong>{formatMoney(total, currency)}</strong>
              </td>
            </tr>
          </tfoot>
        </table>
      </section>
    </section>
  );
}
