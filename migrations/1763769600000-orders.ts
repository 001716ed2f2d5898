import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Orders, their lines and history, idempotency keys and claims on carts. Every statement runs on its own, keeps to
 * what distributed PostgreSQL can do as well, and needs no extension, trigger or superuser.
 */
const STATEMENTS = [
  `CREATE TABLE orders (
     id uuid NOT NULL,
     customer_id text,
     customer_name text,
     customer_email text,
     status text NOT NULL,
     currency char(3) NOT NULL,
     total_amount numeric(19,4) NOT NULL,
     version integer NOT NULL,
     cart_id text,
     failure text,
     placed_at timestamptz NOT NULL,
     updated_at timestamptz NOT NULL,
     attempt integer NOT NULL,
     lease_until timestamptz,
     CONSTRAINT orders_pkey PRIMARY KEY (id),
     CONSTRAINT orders_status_known CHECK (status IN ('pending', 'confirmed', 'rejected', 'failed', 'processing',
       'shipped', 'delivered', 'cancelled', 'returned')),
     CONSTRAINT orders_total_not_negative CHECK (total_amount >= 0)
   )`,
  `COMMENT ON TABLE orders IS 'One row per order that was accepted for placement, whatever became of it.'`,
  `COMMENT ON COLUMN orders.id IS 'UUIDv7 made by the service: unguessable, and its order is the order of placement.'`,
  `COMMENT ON COLUMN orders.customer_id IS 'Opaque text from the caller; null for orders of system A without one.'`,
  `COMMENT ON COLUMN orders.total_amount IS 'Sum of price times quantity of all lines, in units of currency.'`,
  `COMMENT ON COLUMN orders.version IS 'Raised by every change that has an event; the ETag, and the seq of the newest event.'`,
  `COMMENT ON COLUMN orders.cart_id IS 'The cart that was ordered, or null when the request named its items.'`,
  `COMMENT ON COLUMN orders.failure IS 'Problem type, such as insufficient-stock, of a rejected or failed order.'`,
  `COMMENT ON COLUMN orders.placed_at IS 'The time inside the id, so that both sort alike.'`,
  `COMMENT ON COLUMN orders.attempt IS 'How often placement was begun or taken over; settling it demands the newest (fencing).'`,
  `COMMENT ON COLUMN orders.lease_until IS 'Until then only whoever drives the placement may go on; null once settled.'`,
  `CREATE INDEX orders_by_customer ON orders (customer_id, id)`,
  `CREATE INDEX orders_by_email ON orders (lower(customer_email), id)`,
  `CREATE INDEX orders_by_status ON orders (status, id)`,
  `CREATE INDEX orders_to_recover ON orders (lease_until) WHERE status = 'pending'`,

  `CREATE TABLE order_items (
     order_id uuid NOT NULL,
     id integer NOT NULL,
     product_id text NOT NULL,
     product_name text NOT NULL,
     quantity integer NOT NULL,
     price numeric(19,4) NOT NULL,
     reservation text NOT NULL,
     CONSTRAINT order_items_pkey PRIMARY KEY (order_id, id),
     CONSTRAINT order_items_order_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
     CONSTRAINT order_items_quantity_positive CHECK (quantity > 0),
     CONSTRAINT order_items_price_not_negative CHECK (price >= 0),
     CONSTRAINT order_items_reservation_known CHECK (reservation IN ('held', 'released', 'in_doubt'))
   )`,
  `COMMENT ON TABLE order_items IS 'The lines of orders, as they were priced when the order was placed.'`,
  `COMMENT ON COLUMN order_items.id IS 'Number of the line within its order, from 1; part of the reservation''s idempotency key.'`,
  `COMMENT ON COLUMN order_items.price IS 'Price of one unit, in the currency of the order.'`,
  `COMMENT ON COLUMN order_items.reservation IS 'held: counted as taken from stock, from the moment the order is stored. released: certainly not held. in_doubt: nobody knows yet.'`,
  `CREATE INDEX order_items_by_product ON order_items (product_id, order_id)`,
  `CREATE INDEX order_items_in_doubt ON order_items (order_id) WHERE reservation = 'in_doubt'`,

  `CREATE TABLE order_events (
     order_id uuid NOT NULL,
     seq integer NOT NULL,
     type text NOT NULL,
     from_status text,
     to_status text,
     actor text NOT NULL,
     reason text,
     data jsonb,
     occurred_at timestamptz NOT NULL,
     CONSTRAINT order_events_pkey PRIMARY KEY (order_id, seq),
     CONSTRAINT order_events_order_fkey FOREIGN KEY (order_id) REFERENCES orders (id)
   )`,
  `COMMENT ON TABLE order_events IS 'The history of orders and the source of all that leaves the service. Append-only: never changed or deleted, and free of personal data.'`,
  `COMMENT ON COLUMN order_events.seq IS 'From 1 without a gap within an order; equals the version the event led to.'`,
  `COMMENT ON COLUMN order_events.actor IS 'Who caused it: a caller, or the part of the service that acted by itself.'`,

  `CREATE TABLE idempotency_keys (
     scope text NOT NULL,
     key text NOT NULL,
     request_hash text NOT NULL,
     order_id uuid,
     response_status integer,
     response_headers json,
     response_body json,
     created_at timestamptz NOT NULL,
     expires_at timestamptz NOT NULL,
     CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key)
   )`,
  `COMMENT ON TABLE idempotency_keys IS 'One row per Idempotency-Key that reached a decision or an order, until it expires.'`,
  `COMMENT ON COLUMN idempotency_keys.scope IS 'The caller: two callers may use the same key for different orders.'`,
  `COMMENT ON COLUMN idempotency_keys.request_hash IS 'SHA-256 of the request in a canonical form, to refuse the key for another request.'`,
  `COMMENT ON COLUMN idempotency_keys.order_id IS 'The order that the key stands for; null when the request was refused before there was one.'`,
  `COMMENT ON COLUMN idempotency_keys.response_status IS 'Status of the answer to replay; null while the outcome is not certain.'`,
  `CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at)`,

  `CREATE TABLE cart_claims (
     cart_id text NOT NULL,
     order_id uuid NOT NULL,
     claimed_at timestamptz NOT NULL,
     CONSTRAINT cart_claims_pkey PRIMARY KEY (cart_id)
   )`,
  `COMMENT ON TABLE cart_claims IS 'The live order of each ordered cart, so that a cart is ordered once whatever keys are used. A table of its own, since a unique index on orders could not be distributed by order.'`,
];

export class Orders1763769600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ['cart_claims', 'idempotency_keys', 'order_events', 'order_items', 'orders']) {
      await queryRunner.query(`DROP TABLE ${table}`);
    }
  }
}
