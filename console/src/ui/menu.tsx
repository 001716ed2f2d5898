import { type ReactNode, useEffect, useRef } from 'react';

interface Props {
  className: string;
  summaryClassName?: string;
  summary: ReactNode;
  /** Whether it is open when it appears, because it shows an error. */
  startsOpen?: boolean;
  children: ReactNode;
}

/** Closes the menu around an element, and moves the focus to the button of the menu. */
export function closeMenuOf(element: Element): void {
  const menu = element.closest('details');
  if (!menu) return;
  menu.open = false;
  menu.querySelector('summary')?.focus();
}

/** A panel below a button. It closes on Esc and on a click elsewhere; only one is open at a time. */
export function Menu({ className, summaryClassName, summary, startsOpen = false, children }: Props) {
  const ref = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (startsOpen && ref.current) ref.current.open = true;
  }, [startsOpen]);
  useEffect(() => {
    const close = (): void => {
      if (ref.current) ref.current.open = false;
    };
    const onPointer = ({ target }: PointerEvent): void => {
      if (target instanceof Node && !ref.current?.contains(target)) close();
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || !ref.current?.open) return;
      closeMenuOf(ref.current);
      // The selection of the list behind it stays.
      event.preventDefault();
    };
    document.addEventListener('pointerdown', onPointer);
    document.addEventListener('keydown', onKey);
    return () => {
      document.removeEventListener('pointerdown', onPointer);
      document.removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <details ref={ref} name="menu" className={className}>
      <summary className={summaryClassName}>{summary}</summary>
      {children}
    </details>
  );
}
