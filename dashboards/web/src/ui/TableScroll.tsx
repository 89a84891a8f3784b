/** Scrolls a table that is wider than its place, with a shadow on each side that hides more. */

import { type ReactNode, useCallback, useLayoutEffect, useRef, useState } from 'react';

interface Props {
  readonly label: string;
  readonly children: ReactNode;
}

export function TableScroll({ label, children }: Props) {
  const ref = useRef<HTMLElement>(null);
  const [hidden, setHidden] = useState({ start: false, end: false });
  const look = useCallback(() => {
    const box = ref.current;
    if (!box) return;
    const start = box.scrollLeft > 1;
    const end = box.scrollLeft + box.clientWidth < box.scrollWidth - 1;
    setHidden((now) => (now.start === start && now.end === end ? now : { start, end }));
  }, []);
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return;
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box);
    if (box.firstElementChild) observer.observe(box.firstElementChild);
    return () => observer.disconnect();
  }, [look]);
  return (
    <div className="table-frame" data-more-start={hidden.start} data-more-end={hidden.end}>
      <section
        ref={ref}
        className="table-scroll"
        // Focusable, so that the keyboard can scroll what does not fit.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable
        tabIndex={0}
        aria-label={label}
        onScroll={look}
      >
        {children}
      </section>
    </div>
  );
}
