/** How wide elements are in a test. */

let width = 800;

Element.prototype.getBoundingClientRect = () => new DOMRect(0, 0, width, 300);

export function setWidth(pixels: number): void {
  width = pixels;
}
