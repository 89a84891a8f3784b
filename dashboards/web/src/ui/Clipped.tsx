/** A text that ends in an ellipsis where it does not fit; focus and hover show the whole of it. */

import { type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';

interface Props {
  readonly text: string;
  readonly className?: string;
}

interface Place {
  readonly left: number;
  readonly top: number;
}

export function Clipped({ text, className = '' }: Props) {
  const ref = useRef<HTMLElement>(null);
  const [isClipped, setClipped] = useState(false);
  const [place, setPlace] = useState<Place | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text has another width
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setClipped(element.scrollWidth > element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [text]);
  const show = () => {
    const box = ref.current?.getBoundingClientRect();
    if (isClipped && box) setPlace({ left: box.left, top: box.bottom + 4 });
  };
  const hide = () => setPlace(null);
  const hideByKey = (event: KeyboardEvent) => event.key === 'Escape' && hide();
  return (
    <>
      {/* Isolated: a name written from right to left must not turn its row around. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: shows more of itself, does nothing */}
      <bdi
        ref={ref}
        className={`clipped ${className}`}
        // The keyboard reaches it only when there is more to see.
        {...(isClipped ? { tabIndex: 0 } : {})}
        onPointerEnter={show}
        onPointerLeave={hide}
        onFocus={show}
        onBlur={hide}
        onKeyDown={hideByKey}
      >
        {text}
      </bdi>
      {place &&
        createPortal(
          <p className="whole" style={place} aria-hidden="true">
            <bdi>{text}</bdi>
          </p>,
          document.body,
        )}
    </>
  );
}
