import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Order } from '../api/types.ts';
import { Time } from '../time/time.tsx';

type Address = NonNullable<Order['shipping_address']>;

/** All about the order beside its lines and history. What it does not have is not shown. */
export function OrderFacts({ order }: { order: Order }) {
  const { customer_id: customer, customer_email: email, customer_phone: phone, note } = order;
  return (
    <>
      <Part id="customer" title="Customer">
        <dl className="facts">
          <Fact name="Name">
            {order.customer_name === null ? <Missing /> : <bdi>{order.customer_name}</bdi>}
          </Fact>
          <Fact name="Email">{email ? <Search text={email} /> : <Missing />}</Fact>
          {phone !== null && (
            <Fact name="Phone">
              <bdi className="as-written">{phone}</bdi>
            </Fact>
          )}
          {customer !== null && (
            <Fact name="Customer ID">
              <Search text={customer} />
            </Fact>
          )}
        </dl>
      </Part>
      <PostalAddress id="shipping" title="Shipping address" address={order.shipping_address} />
      <PostalAddress id="billing" title="Billing address" address={order.billing_address} />
      {note !== null && (
        <Part id="note" title="Note">
          <p className="as-written" dir="auto">
            {note}
          </p>
        </Part>
      )}
      <Tags tags={order.tags} />
      <Metadata metadata={order.metadata} />
      <References order={order} />
      <Part id="record" title="Record">
        <dl className="facts">
          <Fact name="Placed">
            <Time at={order.timestamp} />
          </Fact>
          <Fact name="Changed">
            <Time at={order.updated_at} />
          </Fact>
          <Fact name="Version">{order.version}</Fact>
        </dl>
      </Part>
    </>
  );
}

/** A section with its heading. */
export function Part({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** As on an envelope. */
function PostalAddress({ id, title, address }: { id: string; title: string; address: Address | null }) {
  if (address === null) return null;
  const place = [address.postal_code, address.city].filter((part) => part !== undefined).join(' ');
  const lines = [
    address.name,
    address.company,
    address.line1,
    address.line2,
    place,
    address.region,
    address.country,
  ];
  return (
    <Part id={id} title={title}>
      <address>
        {lines
          .filter((text) => text !== undefined)
          .map((text, index) => (
            // Lines of an address have no id, and may be equal.
            // oxlint-disable-next-line react/no-array-index-key -- the place is what tells a line from another
            <div key={index} dir="auto">
              {text}
            </div>
          ))}
      </address>
    </Part>
  );
}

function Tags({ tags }: { tags: Order['tags'] }) {
  if (tags.length === 0) return null;
  return (
    <Part id="tags" title="Tags">
      <ul className="tags">
        {[...new Set(tags)].map((tag) => (
          <li key={tag}>
            <Search text={tag} by="tag" />
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Metadata({ metadata }: { metadata: Order['metadata'] }) {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  return (
    <Part id="metadata" title="Metadata">
      <dl className="facts">
        {entries.map(([key, value]) => (
          <Fact key={key} name={key}>
            <bdi>{String(value)}</bdi>
          </Fact>
        ))}
      </dl>
    </Part>
  );
}

function References({ order: { source, source_order_id: reference } }: { order: Order }) {
  if (source === null) return null;
  return (
    <Part id="reference" title="Reference">
      <dl className="facts">
        <Fact name="Source">
          <Search text={source} by="source" />
        </Fact>
        {reference !== null && (
          <Fact name="Order there">
            <bdi>{reference}</bdi>
          </Fact>
        )}
      </dl>
    </Part>
  );
}

/** Leads to all orders with the same. @param by the filter of the list */
function Search({ text, by = 'q' }: { text: string; by?: 'q' | 'source' | 'tag' }) {
  return (
    <Link href={`/orders?${new URLSearchParams({ [by]: text })}`} title="Show all orders with this value">
      <bdi>{text}</bdi>
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
