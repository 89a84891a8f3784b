/** Places a popover below its button, above it in the lower half of the window, never beyond it. */

const MARGIN = 16;
const GAP = 6;

export function placeBeside(popover: HTMLElement, at: DOMRect): void {
  const { clientWidth, clientHeight } = document.documentElement;
  const furthest = clientWidth - popover.offsetWidth - MARGIN;
  popover.style.left = `${Math.max(MARGIN, Math.min(at.left, furthest))}px`;
  const isLow = at.bottom > clientHeight / 2;
  popover.style.top = isLow ? 'auto' : `${at.bottom + GAP}px`;
  popover.style.bottom = isLow ? `${clientHeight - at.top + GAP}px` : 'auto';
}
