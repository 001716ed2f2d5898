import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { FlatObject } from './details/order-details.js';

/** `held` from the moment the order is stored, `released` when certainly nothing is held, else `in_doubt`. */
export const RESERVATIONS = ['held', 'released', 'in_doubt'] as const;

export type Reservation = (typeof RESERVATIONS)[number];

const RESERVATION_LIST = RESERVATIONS.map((reservation) => `'${reservation}'`).join(', ');

/** One line of an order. */
@Entity('order_items')
@Check('order_items_quantity_positive', 'quantity > 0')
@Check('order_items_price_not_negative', 'price >= 0')
@Check('order_items_reservation_known', `reservation IN (${RESERVATION_LIST})`)
@Index('order_items_by_product', ['productId', 'orderId'])
@Index('order_items_in_doubt', ['orderId'], { where: `reservation = 'in_doubt'` })
export class OrderItem {
  @PrimaryColumn('uuid', { name: 'order_id', primaryKeyConstraintName: 'order_items_pkey' })
  orderId!: string;

  /** Number of the line within its order, from 1. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'order_items_pkey' })
  id!: number;

  @Column('text', { name: 'product_id' })
  productId!: string;

  /** Null, like the price, until the order is priced. */
  @Column('text', { name: 'product_name', nullable: true })
  productName!: string | null;

  @Column('integer')
  quantity!: number;

  @Column('numeric', { precision: 19, scale: 4, nullable: true })
  price!: string | null;

  @Column('text')
  reservation!: Reservation;

  @Column('text', { nullable: true })
  sku!: string | null;

  @Column('jsonb', { nullable: true })
  options!: FlatObject | null;

  @Column('jsonb', { nullable: true })
  metadata!: FlatObject | null;

  /** By the name of the entity, because an order imports its lines. Never loaded. */
  @ManyToOne('Order')
  @JoinColumn({ name: 'order_id', foreignKeyConstraintName: 'order_items_order_fkey' })
  order?: object;
}
