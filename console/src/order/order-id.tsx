/** The time to about a minute (UUIDv7): what is placed together looks alike here. */
const HEAD = 8;

/** 32 random bits, which tell orders of the same moment apart. */
const TAIL = 8;

/** As in `01a1ffe2…85a2b441`. */
export function shortOrderId(id: string): string {
  return `${id.slice(0, HEAD)}…${id.slice(-TAIL)}`;
}

/** The two ends of an order's id. What is between them is in the page without being seen, so that copying takes all of it. */
export function OrderId({ id }: { id: string }) {
  return (
    <>
      {id.slice(0, HEAD)}
      <span className="elided">{id.slice(HEAD, -TAIL)}</span>
      {id.slice(-TAIL)}
    </>
  );
}
