import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Address, Charge, FlatObject } from './details/order-details.js';
import type { OrderItem } from './order-item.entity.js';
import type { Payment } from './payments/payment.js';
import { ORDER_STATUS_NAMES, type OrderStatus } from './order-status.js';

const STATUS_LIST = ORDER_STATUS_NAMES.map((status) => `'${status}'`).join(', ');

/** The prices that the client expects, as decimal digits; checked when the order is priced. */
export interface ExpectedPrices {
  /** Of each line, in their order; null where the client named none. */
  prices: (string | null)[];
  total: string | null;
}

/** Rejected and failed orders do not keep their number. */
const FREED_NUMBER = `number IS NOT NULL AND status IN ('rejected', 'failed')`;

/** An order. The migration that creates the table documents the columns. */
@Entity('orders')
@Check('orders_status_known', `status IN (${STATUS_LIST})`)
@Check('orders_total_not_negative', 'total_amount >= 0')
@Index('orders_by_customer', ['customerId', 'id'])
@Index('orders_by_email', { synchronize: false })
@Index('orders_by_email_key', { synchronize: false })
@Index('orders_to_normalize', { synchronize: false })
@Index('orders_by_status', ['status', 'id'])
@Index('orders_by_source', ['source', 'id'], { where: 'source IS NOT NULL' })
@Index('orders_by_source_order_id', ['sourceOrderId', 'id'], { where: 'source_order_id IS NOT NULL' })
@Index('orders_by_freed_number', ['number'], { where: FREED_NUMBER })
export class Order {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'orders_pkey' })
  id!: string;

  @Column('text', { name: 'customer_id', nullable: true })
  customerId!: string | null;

  @Column('text', { name: 'customer_name', nullable: true })
  customerName!: string | null;

  @Column('text', { name: 'customer_email', nullable: true })
  customerEmail!: string | null;

  /** Written with the address, and read by the database alone. */
  @Column('text', { name: 'customer_email_key', nullable: true })
  customerEmailKey?: string | null;

  @Column('text')
  status!: OrderStatus;

  @Column('char', { length: 3 })
  currency!: string;

  /** Of the lines and the charges. Null until the order is priced. */
  @Column('numeric', { name: 'total_amount', precision: 19, scale: 4, nullable: true })
  totalAmount!: string | null;

  @Column('integer')
  version!: number;

  @Column('text', { name: 'cart_id', nullable: true })
  cartId!: string | null;

  @Column('text', { nullable: true })
  failure!: string | null;

  @Column('timestamptz', { name: 'placed_at' })
  placedAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;

  /** Of releases up to 0.1, as the next one: leases of placements are in the table of tasks. */
  @Column('integer', { default: 1 })
  attempt?: number;

  @Column('timestamptz', { name: 'lease_until', nullable: true })
  leaseUntil?: Date | null;

  @Column('json', { name: 'to_price', nullable: true })
  toPrice!: ExpectedPrices | null;

  /** What people call the order; given by its client, or else by the database when the order is stored. */
  @Column('text', { nullable: true })
  number!: string | null;

  @Column('text', { name: 'customer_phone', nullable: true })
  customerPhone!: string | null;

  @Column('json', { name: 'shipping_address', nullable: true })
  shippingAddress!: Address | null;

  @Column('json', { name: 'billing_address', nullable: true })
  billingAddress!: Address | null;

  @Column('text', { nullable: true })
  note!: string | null;

  @Column('text', { array: true, nullable: true })
  tags!: string[] | null;

  @Column('jsonb', { nullable: true })
  metadata!: FlatObject | null;

  @Column('json', { nullable: true })
  charges!: Charge[] | null;

  /** Of the charges that the prices do not contain; null where there are none. */
  @Column('numeric', { name: 'charges_amount', precision: 19, scale: 4, nullable: true })
  chargesAmount!: string | null;

  @Column('text', { nullable: true })
  source!: string | null;

  @Column('text', { name: 'source_order_id', nullable: true })
  sourceOrderId!: string | null;

  /** Written with the fields above, and read by the database alone. */
  @Column('integer', { name: 'detail_bytes', nullable: true })
  detailBytes?: number | null;

  /** How long the stock is held for a payment; null of an order that is confirmed at once. */
  @Column('integer', { name: 'hold_seconds', nullable: true })
  holdSeconds!: number | null;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  /** How long the inventory keeps the units; null where it keeps them until they are released. */
  @Column('timestamptz', { name: 'stock_until', nullable: true })
  stockUntil!: Date | null;

  /** See `reservationIdOf`. */
  @Column('smallint', { name: 'stock_generation', default: 1 })
  stockGeneration!: number;

  /** Whether the stock of an expired order is being reserved again. */
  @Column('boolean', { name: 'is_reserving_again', default: false })
  isReservingAgain!: boolean;

  @Column('json', { nullable: true })
  payments!: Payment[] | null;

  /** The lines, by number; read and written together with the order. */
  items!: OrderItem[];
}
