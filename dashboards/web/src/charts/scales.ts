/** Where everything of a chart over time stands, in pixels. */

import { LABEL_GAP } from './axes';
import { ceilingOf, type Panel, type TimeAxis } from './model';
import { type BucketScale, bucketScale, type NumberScale, numberScale } from './roundScale';

export interface PlacedPanel {
  readonly panel: Panel;
  readonly top: number;
  readonly height: number;
  readonly y: NumberScale;
  readonly ticks: readonly number[];
  readonly labels: readonly string[];
}

export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly margin: Margin;
  readonly x: BucketScale;
  readonly panels: readonly PlacedPanel[];
  centreOf(index: number): number;
  bucketAt(left: number): number;
}

interface Margin {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

const MARGIN = { top: 10, right: 8, bottom: 26 } as const;
const MIN_LEFT = 28;
const GAP = 18;

interface Input {
  readonly axis: TimeAxis;
  readonly panels: readonly Panel[];
  readonly width: number;
  readonly height: number;
  readonly withPrevious: boolean;
  readonly withUsual: boolean;
  /** Labels of a panel's axis. */
  readonly labelsOf: (panel: Panel, ticks: readonly number[]) => readonly string[];
  /** Pixels that a label takes. */
  readonly measure: (text: string) => number;
}

export function geometryOf(input: Input): Geometry {
  const { axis, panels, width, height, withPrevious, withUsual, labelsOf, measure } = input;
  const room = height - MARGIN.top - MARGIN.bottom - GAP * Math.max(0, panels.length - 1);
  const weights = panels.reduce((sum, panel) => sum + panel.weight, 0);
  let top: number = MARGIN.top;
  const placed = panels.map((panel) => {
    const own = (room * panel.weight) / weights;
    // An all-zero panel still gets a scale, so that its zeros lie on the ground.
    const y = numberScale(ceilingOf(panel, withPrevious, withUsual) || 1, top + own, top);
    const ticks = y
      .ticks(own < 80 ? 2 : 4)
      .filter((tick) => (panel.unit ?? 'count') !== 'count' || Number.isInteger(tick));
    const result = { panel, top, height: own, y, ticks, labels: labelsOf(panel, ticks) };
    top += own + GAP;
    return result;
  });
  const longest = Math.max(0, ...placed.flatMap((one) => one.labels.map(measure)));
  const margin = { ...MARGIN, left: Math.max(MIN_LEFT, Math.ceil(longest) + LABEL_GAP) };
  const right = Math.max(margin.left + 1, width - margin.right);
  const x = bucketScale(axis.starts.length, [margin.left, right], { inner: 0.28, outer: 0.14 });
  const step = x.step();
  return {
    width,
    height,
    margin,
    x,
    panels: placed,
    centreOf: (index) => x(index) + x.bandwidth() / 2,
    bucketAt: (left) => {
      const index = Math.floor((left - margin.left) / step);
      return Math.min(axis.starts.length - 1, Math.max(0, index));
    },
  };
}
