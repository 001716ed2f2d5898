import type { Order } from '../api/types.ts';
import { formatMoney } from '../ui/money.ts';

type Item = Order['items'][number];
type Charge = Order['charges'][number];

const CHARGES: Record<Charge['type'], string> = {
  shipping: 'Shipping',
  tax: 'Tax',
  discount: 'Discount',
  fee: 'Fee',
};

/** Sums of money are the service's; this one is for the eye, and has no more decimals than the parts of it. */
function lineTotal(price: number | null, quantity: number): number | null {
  return price === null ? null : Math.round(price * quantity * 10_000) / 10_000;
}

export function OrderLines({ order }: { order: Order }) {
  const { items, currency, charges } = order;
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
              <Line key={index} item={item} currency={currency} />
            ))}
          </tbody>
          <tfoot>
            {charges.length > 0 && (
              <Sum name="Subtotal" amount={formatMoney(order.subtotal_amount, currency)} />
            )}
            {charges.map((charge, index) => (
              // oxlint-disable-next-line react/no-array-index-key -- the place is what tells a charge from another
              <ChargeRow key={index} charge={charge} currency={currency} />
            ))}
            <tr>
              <th scope="row" colSpan={2}>
                Total{items.length > 1 && ` of ${items.length} lines`}
              </th>
              <td className="line-price" />
              <td className="number">
                <strong>{formatMoney(order.total_amount, currency)}</strong>
              </td>
            </tr>
          </tfoot>
        </table>
      </section>
    </section>
  );
}

function Line({ item, currency }: { item: Item; currency: string }) {
  const fields = [...Object.entries(item.options), ...Object.entries(item.metadata)];
  return (
    <tr>
      <td>
        <span className="two-part">
          <span>{item.product_name ?? item.product_id}</span>
          <span className="muted mono">{item.product_id}</span>
          {item.sku !== null && <span className="muted mono">SKU {item.sku}</span>}
        </span>
        {fields.length > 0 && (
          <ul className="line-fields muted">
            {fields.map(([key, value], index) => (
              // An option and a field of metadata may have the same name.
              // oxlint-disable-next-line react/no-array-index-key -- the place is what tells them apart
              <li key={index}>
                <bdi>{key}</bdi>: <bdi>{String(value)}</bdi>
              </li>
            ))}
          </ul>
        )}
      </td>
      <td className="number">{item.quantity}</td>
      <td className="number line-price">{formatMoney(item.price, currency)}</td>
      <td className="number">{formatMoney(lineTotal(item.price, item.quantity), currency)}</td>
    </tr>
  );
}

/** What the prices contain is shown, and not added. */
function ChargeRow({ charge, currency }: { charge: Charge; currency: string }) {
  const amount = formatMoney(charge.amount, currency);
  const name = CHARGES[charge.type];
  return (
    <Sum
      name={charge.label === undefined ? name : `${name}: ${charge.label}`}
      amount={charge.included === true ? `(${amount})` : amount}
      remark={charge.included === true ? 'included in the prices' : undefined}
    />
  );
}

function Sum({ name, amount, remark }: { name: string; amount: string; remark?: string | undefined }) {
  return (
    <tr>
      <th scope="row" colSpan={2}>
        <bdi>{name}</bdi>
        {remark !== undefined && <span className="muted"> {remark}</span>}
      </th>
      <td className="line-price" />
      <td className={remark === undefined ? 'number' : 'number muted'}>{amount}</td>
    </tr>
  );
}
