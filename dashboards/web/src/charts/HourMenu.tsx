/** The dates that a cell of the heatmap is the sum of; the one that is chosen becomes the period. */

import { useEffect, useRef } from 'react';
import type { HourSpan } from '../period/usePicked';
import { useFormats } from '../ui/format';
import { placeBeside } from '../ui/placeBeside';

interface Props {
  readonly title: string;
  readonly spans: readonly HourSpan[];
  readonly tz: string;
  /** The cell. */
  readonly beside: Element;
  readonly onPick: (span: HourSpan) => void;
  readonly onClose: () => void;
}

export function HourMenu({ title, spans, tz, beside, onPick, onClose }: Props) {
  const formats = useFormats(tz);
  const popover = useRef<HTMLDivElement>(null);
  const pick = (span: HourSpan) => {
    // Gives the focus back to the cell.
    popover.current?.hidePopover?.();
    onPick(span);
  };
  useEffect(() => {
    const element = popover.current;
    if (!element) return;
    element.showPopover?.();
    placeBeside(element, beside.getBoundingClientRect());
    element.querySelector('button')?.focus({ preventScroll: true });
    // It would stay where it is while its cell moves.
    const close = () => element.hidePopover?.();
    window.addEventListener('scroll', close, { once: true, passive: true });
    return () => window.removeEventListener('scroll', close);
  }, [beside]);
  return (
    <div
      ref={popover}
      popover="auto"
      role="dialog"
      aria-label={title}
      className="definitions hour-menu"
      onToggle={({ newState }) => newState === 'closed' && onClose()}
    >
      <p>{title}</p>
      <ul>
        {spans.map((span) => (
          <li key={span.from}>
            <button type="button" className="button quiet" onClick={() => pick(span)}>
              {formats.day(new Date(span.from).toISOString())}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
