/** Where everything of a chart over time stands, in pixels. */

import { scaleBand, scaleLinear } from '@visx/scale';
import { ceilingOf, type Panel, type TimeAxis } from './model';

export interface PlacedPanel {
  readonly panel: Panel;
  readonly top: number;
  readonly height: number;
  readonly y: ReturnType<typeof scaleLinear<number>>;
}

export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly margin: typeof MARGIN;
  readonly x: ReturnType<typeof scaleBand<number>>;
  readonly panels: readonly PlacedPanel[];
  centreOf(index: number): number;
  bucketAt(left: number): number;
}

const MARGIN = { top: 10, right: 8, bottom: 26, left: 46 } as const;
const GAP = 18;

interface Input {
  readonly axis: TimeAxis;
  readonly panels: readonly Panel[];
  readonly width: number;
  readonly height: number;
  readonly withPrevious: boolean;
}

export function geometryOf({ axis, panels, width, height, withPrevious }: Input): Geometry {
  const right = Math.max(MARGIN.left + 1, width - MARGIN.right);
  const x = scaleBand<number>({
    domain: axis.starts.map((_, index) => index),
    range: [MARGIN.left, right],
    paddingInner: 0.28,
    paddingOuter: 0.14,
  });
  const room = height - MARGIN.top - MARGIN.bottom - GAP * Math.max(0, panels.length - 1);
  const weights = panels.reduce((sum, panel) => sum + panel.weight, 0);
  let top: number = MARGIN.top;
  const placed = panels.map((panel) => {
    const own = (room * panel.weight) / weights;
    const y = scaleLinear<number>({
      // An all-zero panel still gets a scale, so that its zeros lie on the ground.
      domain: [0, ceilingOf(panel, withPrevious) || 1],
      range: [top + own, top],
      nice: 3,
    });
    const result = { panel, top, height: own, y };
    top += own + GAP;
    return result;
  });
  const step = x.step();
  return {
    width,
    height,
    margin: MARGIN,
    x,
    panels: placed,
    centreOf: (index) => (x(index) ?? MARGIN.left) + x.bandwidth() / 2,
    bucketAt: (left) => {
      const index = Math.floor((left - MARGIN.left) / step);
      return Math.min(axis.starts.length - 1, Math.max(0, index));
    },
  };
}
