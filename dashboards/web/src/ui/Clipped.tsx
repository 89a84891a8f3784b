/** A text that ends in an ellipsis where it does not fit; focus and hover show the whole of it. */

import { type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { Link } from 'wouter';

interface Props {
  readonly text: string;
  readonly className?: string;
  /** Makes the text a link. */
  readonly href?: string;
  /** Makes the text a button, with this name. */
  readonly action?: { readonly label: string; readonly run: () => void };
}

interface Place {
  readonly left: number;
  readonly top: number;
}

export function Clipped({ text, className = '', href, action }: Props) {
  const ref = useRef<HTMLElement | null>(null);
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
  const common = {
    ref: (element: HTMLElement | null) => {
      ref.current = element;
    },
    className: `clipped ${className}`,
    onPointerEnter: show,
    onPointerLeave: hide,
    onFocus: show,
    onBlur: hide,
    onKeyDown: hideByKey,
  };
  return (
    <>
      {/* Isolated: a name written from right to left must not turn its row around. */}
      {href !== undefined ? (
        <Link {...common} dir="auto" href={href}>
          {text}
        </Link>
      ) : action ? (
        <button
          {...common}
          type="button"
          dir="auto"
          aria-label={action.label}
          title={isClipped ? undefined : action.label}
          onClick={action.run}
        >
          {text}
        </button>
      ) : (
        // The keyboard reaches it only when there is more to see.
        <bdi {...common} {...(isClipped ? { tabIndex: 0 } : {})}>
          {text}
        </bdi>
      )}
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
