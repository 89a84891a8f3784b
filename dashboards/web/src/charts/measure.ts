/** How wide a label of a chart is, in the font of the page. */

/** As in `.tick` of charts.css. */
const LABEL_PIXELS = 12;
/** Of a letter, where nothing can be measured. */
const USUAL_PIXELS = 7;

let context: CanvasRenderingContext2D | null | undefined;

export function labelWidth(text: string): number {
  if (context === undefined) {
    context = document.createElement('canvas').getContext('2d');
    const { fontFamily } = getComputedStyle(document.body);
    if (context) context.font = `${LABEL_PIXELS}px ${fontFamily}`;
  }
  return context ? context.measureText(text).width : text.length * USUAL_PIXELS;
}
