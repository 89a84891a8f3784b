/** The still parts of a chart: its axes, the lines of its grid, and the path of a line. */

import type { BucketScale, NumberScale } from './roundScale';

/** From an axis to its labels. */
export const LABEL_GAP = 8;
/** From the axis down to the ground of its labels. */
const LABEL_DROP = 20;
/** From the middle of a letter down to its ground. */
const HALF_LETTER = 4;

interface BottomProps {
  readonly scale: BucketScale;
  readonly top: number;
  readonly labelled: readonly number[];
  readonly nameOf: (index: number) => string;
}

export function BottomAxis({ scale, top, labelled, nameOf }: BottomProps) {
  const half = scale.bandwidth() / 2;
  return (
    <g className="axis-bottom">
      <line className="axis-line" x1={scale.left} x2={scale.right} y1={top} y2={top} />
      {labelled.map((index) => (
        <text
          key={index}
          className="tick"
          x={scale(index) + half}
          y={top + LABEL_DROP}
          textAnchor="middle"
        >
          {nameOf(index)}
        </text>
      ))}
    </g>
  );
}

interface LeftProps {
  readonly scale: NumberScale;
  readonly left: number;
  readonly right: number;
  readonly ticks: readonly number[];
  readonly labels: readonly string[];
}

/** Labels at the left, and a line from each through the plot. */
export function LeftAxis({ scale, left, right, ticks, labels }: LeftProps) {
  return (
    <g className="axis-left">
      {ticks.map((tick, index) => (
        <g key={tick}>
          <line className="grid" x1={left} x2={right} y1={scale(tick)} y2={scale(tick)} />
          <text
            className="tick"
            x={left - LABEL_GAP}
            y={scale(tick) + HALF_LETTER}
            textAnchor="end"
          >
            {labels[index]}
          </text>
        </g>
      ))}
    </g>
  );
}

/** Straight from point to point; a null begins anew after a gap. */
export function linePath(points: readonly (readonly [number, number] | null)[]): string {
  return points
    .map((point, index) => {
      if (!point) return '';
      const [x, y] = point.map((place) => Number(place.toFixed(2)));
      return `${points[index - 1] ? 'L' : 'M'}${x},${y}`;
    })
    .join('');
}
