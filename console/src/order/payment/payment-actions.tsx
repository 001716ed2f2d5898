import { type ComponentType, useState } from 'react';
import type { Order } from '../../api/types.ts';
import { ExtendDialog } from './extend-dialog.tsx';
import { RecordDialog } from './record-dialog.tsx';

interface Opened {
  Shown: ComponentType<{ seen: Order; onClose: () => void }>;
  /** The order as it is seen now: whether it still is like that, the service finds out. */
  seen: Order;
}

/** What can be done about the hold and the payments of an order, beside its confirmation. */
export function PaymentActions({ order }: { order: Order }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  return (
    <>
      {order.status === 'reserved' && (
        <button
          type="button"
          className="button"
          onClick={() => setOpened({ Shown: ExtendDialog, seen: order })}
        >
          Extend
        </button>
      )}
      <button
        type="button"
        className="button"
        onClick={() => setOpened({ Shown: RecordDialog, seen: order })}
      >
        Record payment
      </button>
      {opened && <opened.Shown seen={opened.seen} onClose={() => setOpened(null)} />}
    </>
  );
}
