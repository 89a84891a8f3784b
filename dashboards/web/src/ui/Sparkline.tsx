/** A line without axes, as wide as its place. What it says is said elsewhere in words. */

interface Props {
  readonly values: readonly (number | null)[];
}

const [WIDTH, HEIGHT] = [100, 24];

export function Sparkline({ values }: Props) {
  const path = pathOf(values);
  return (
    <svg
      className="sparkline"
      viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {path && <path d={path} />}
    </svg>
  );
}

/** From zero to the greatest value; unknown values leave a gap. Null without two values. */
export function pathOf(values: readonly (number | null)[]): string | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const most = Math.max(...known) || 1;
  const step = WIDTH / (values.length - 1);
  let isDrawing = false;
  const parts = values.map((value, index) => {
    if (value === null) {
      isDrawing = false;
      return '';
    }
    const command = isDrawing ? 'L' : 'M';
    isDrawing = true;
    return `${command}${round(index * step)} ${round(HEIGHT - (value / most) * HEIGHT)}`;
  });
  return parts.filter(Boolean).join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
