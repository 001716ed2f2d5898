import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Order } from '../api/types.ts';
import { Time } from '../time/time.tsx';

export function OrderFacts({ order }: { order: Order }) {
  const { customer_id: customer, customer_email: email } = order;
  return (
    <section aria-labelledby="customer">
      <h2 id="customer">Customer</h2>
      <dl className="facts">
        <Fact name="Name">{order.customer_name ?? <Missing />}</Fact>
        <Fact name="Email">{email ? <Search text={email} /> : <Missing />}</Fact>
        <Fact name="Customer ID">{customer === null ? <Missing /> : <Search text={customer} />}</Fact>
        <Fact name="Placed">
          <Time at={order.timestamp} />
        </Fact>
        <Fact name="Changed">
          <Time at={order.updated_at} />
        </Fact>
        <Fact name="Version">{order.version}</Fact>
      </dl>
    </section>
  );
}

/** Leads to all orders with the same. */
function Search({ text }: { text: string }) {
  return (
    <Link href={`/orders?${new URLSearchParams({ q: text })}`} title="Show all orders with this value">
      {text}
    </Link>
  );
}

function Missing() {
  return <span className="muted">not provided or erased</span>;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
