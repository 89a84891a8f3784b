/** A drawing of the page as a PNG file, with its title and days. Loaded when a picture is saved. */

interface Caption {
  /** Of the file, without extension. */
  readonly name: string;
  readonly title: string;
  readonly days: string;
}

/** Pixels of the picture for each of the page. */
const SCALE = 2;
const MARGIN = 20;
const HEAD = 56;
/** What the style sheet says about a drawing; a picture has no style sheet. */
const STYLES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-opacity',
  'stroke-linejoin',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
];

export async function savePicture(svg: SVGSVGElement, caption: Caption): Promise<void> {
  const { width, height } = svg.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  canvas.width = (width + 2 * MARGIN) * SCALE;
  canvas.height = (height + HEAD + MARGIN) * SCALE;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('The browser draws no pictures');
  const page = getComputedStyle(document.body);
  const card = getComputedStyle(svg.closest('.card') ?? document.body);
  context.scale(SCALE, SCALE);
  context.fillStyle = card.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = card.color;
  context.font = `600 15px ${page.fontFamily}`;
  context.fillText(caption.title, MARGIN, 28, width);
  context.globalAlpha = 0.75;
  context.font = `13px ${page.fontFamily}`;
  context.fillText(caption.days, MARGIN, 47, width);
  context.globalAlpha = 1;
  context.drawImage(await imageOf(svg, width, height), 0, HEAD, width + MARGIN, height);
  const file = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!file) throw new Error('The browser made no picture');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${caption.name}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function imageOf(svg: SVGSVGElement, width: number, height: number) {
  const image = new Image();
  // The content security policy lets images come from the server and from such addresses.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg, width, height))}`;
  await image.decode();
  return image;
}

/** The drawing with its styles in its elements. */
export function standalone(svg: SVGSVGElement, width: number, height: number): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = svg.querySelectorAll('*');
  for (const [index, element] of copy.querySelectorAll('*').entries()) {
    const styles = getComputedStyle(originals[index] as Element);
    const own = STYLES.map((name) => `${name}:${styles.getPropertyValue(name)}`);
    element.setAttribute('style', own.join(';'));
    element.removeAttribute('class');
  }
  // What is under the pointer is not part of the picture.
  copy.querySelector('[data-cursor]')?.remove();
  copy.removeAttribute('class');
  // Labels may reach beyond the drawing's left edge.
  copy.setAttribute('width', String(width + MARGIN));
  copy.setAttribute('height', String(height));
  copy.setAttribute('viewBox', `${-MARGIN} 0 ${width + MARGIN} ${height}`);
  return new XMLSerializer().serializeToString(copy);
}
