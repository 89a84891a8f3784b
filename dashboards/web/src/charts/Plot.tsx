/** Draws a placed chart as SVG. Hidden from screen readers: the chart around it speaks. */

import { BottomAxis, LeftAxis, linePath } from './axes';
import { labelWidth } from './measure';
import { isUnusual, labelStep, type Series, type TimeAxis } from './model';
import type { Geometry, PlacedPanel } from './scales';
import { useBucketNames } from './useBucketNames';

/** Between two labels of the time axis. */
const LABEL_GAP = 14;

interface Props {
  readonly axis: TimeAxis;
  readonly geometry: Geometry;
  readonly active: number | null;
  /** Where a range begins that ends at the active bucket. */
  readonly anchor: number | null;
  readonly withPrevious: boolean;
  readonly withUsual: boolean;
}

export function Plot({ axis, geometry, active, anchor, withPrevious, withUsual }: Props) {
  const { width, height, margin, x } = geometry;
  const names = useBucketNames(axis);
  const longest = axis.starts.reduce(
    (most, _, index) => Math.max(most, labelWidth(names.short(index))),
    0,
  );
  const step = labelStep(axis.starts.length, width - margin.left, longest + LABEL_GAP);
  const labelled = axis.starts.map((_, index) => index).filter((index) => index % step === 0);
  return (
    <svg width={width} height={height} className="plot" aria-hidden="true">
      <Patterns />
      {active !== null && (
        <rect
          data-cursor=""
          className={anchor !== null && anchor !== active ? 'plot-cursor marked' : 'plot-cursor'}
          x={x(Math.min(active, anchor ?? active)) - (x.step() - x.bandwidth()) / 2}
          width={x.step() * (Math.abs(active - (anchor ?? active)) + 1)}
          y={margin.top}
          height={height - margin.top - margin.bottom}
        />
      )}
      {geometry.panels.map((placed) => (
        <PanelMarks
          key={placed.panel.key}
          placed={placed}
          geometry={geometry}
          partialFrom={axis.partialFrom}
          withPrevious={withPrevious}
          withUsual={withUsual}
        />
      ))}
      {(axis.marks ?? []).map((mark) => (
        <Flag
          key={`${mark.index} ${mark.label}`}
          left={geometry.centreOf(mark.index)}
          top={margin.top}
          bottom={height - margin.bottom}
        />
      ))}
      <BottomAxis
        scale={x}
        top={height - margin.bottom}
        labelled={labelled}
        nameOf={(index) => names.short(index)}
      />
    </svg>
  );
}

/** Something happened there; its words are in the description of the bucket. */
function Flag({ left, top, bottom }: Record<'left' | 'top' | 'bottom', number>) {
  return (
    <g className="flag">
      <line x1={left} x2={left} y1={top} y2={bottom} />
      <path d={`M${left - 5} ${top - 8}h10l-5 8z`} />
    </g>
  );
}

/** Tones that look alike to some eyes, and on paper, differ in their patterns as well. */
function Patterns() {
  return (
    <defs>
      <pattern
        id="pattern-violet"
        className="tone-violet"
        width="6"
        height="6"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <rect className="pattern-ground" width="6" height="6" />
        <rect className="pattern-mark" width="2" height="6" />
      </pattern>
      <pattern
        id="pattern-green"
        className="tone-green"
        width="6"
        height="6"
        patternUnits="userSpaceOnUse"
      >
        <rect className="pattern-ground" width="6" height="6" />
        <circle className="pattern-mark" cx="3" cy="3" r="1.2" />
      </pattern>
    </defs>
  );
}

interface MarksProps {
  readonly placed: PlacedPanel;
  readonly geometry: Geometry;
  readonly partialFrom: number | null;
  readonly withPrevious: boolean;
  readonly withUsual: boolean;
}

function PanelMarks({ placed, geometry, partialFrom, withPrevious, withUsual }: MarksProps) {
  const { panel, y } = placed;
  const { margin, width } = geometry;
  const { ticks, labels } = placed;
  return (
    <g data-panel={panel.key} className={panel.stacked ? 'stacked' : undefined}>
      <LeftAxis
        scale={y}
        left={margin.left}
        right={Math.max(margin.left, width - margin.right)}
        ticks={ticks}
        labels={labels}
      />
      {withUsual && <UsualBand placed={placed} geometry={geometry} />}
      <Bars placed={placed} geometry={geometry} partialFrom={partialFrom} />
      {panel.series.map((series) => (
        <g key={series.key}>
          {withPrevious && series.previous && (
            <Line
              values={series.previous}
              geometry={geometry}
              y={y}
              className={`line previous tone-${series.tone}`}
            />
          )}
          {series.kind === 'limit' && (
            <Line
              values={series.values}
              geometry={geometry}
              y={y}
              className={`line limit tone-${series.tone}`}
            />
          )}
          {series.kind === 'line' && (
            <Line
              values={series.values}
              geometry={geometry}
              y={y}
              dots
              partialFrom={partialFrom}
              className={`line tone-${series.tone}`}
            />
          )}
        </g>
      ))}
      {withUsual && <Unusual placed={placed} geometry={geometry} partialFrom={partialFrom} />}
    </g>
  );
}

/** The usual range of each bucket, as wide as its place, so that neighbours touch. */
function UsualBand({ placed, geometry }: Pick<MarksProps, 'placed' | 'geometry'>) {
  const { panel, y, top } = placed;
  const { x } = geometry;
  const step = x.step();
  return panel.series.map((series) =>
    (series.usual ?? []).map((range, index) => {
      if (range === null) return null;
      const left = geometry.centreOf(index) - step / 2;
      const [high, low] = [Math.max(top, y(range.high)), Math.max(top, y(range.low))];
      return (
        // biome-ignore lint/suspicious/noArrayIndexKey: a bucket is its place on the axis
        <g key={`${series.key}-${index}`} className="band">
          <rect x={left} width={step} y={high} height={low - high} />
          <path d={`M${left} ${high}h${step}M${left} ${low}h${step}`} />
        </g>
      );
    }),
  );
}

/** A diamond above each value that lies outside its usual range. */
function Unusual({
  placed,
  geometry,
  partialFrom,
}: Omit<MarksProps, 'withPrevious' | 'withUsual'>) {
  return placed.panel.series.map((series) =>
    series.values.map((value, index) => {
      if (value === null || !isUnusual(series, index, partialFrom)) return null;
      const [left, bottom] = [geometry.centreOf(index), placed.y(value) - 3];
      const key = `${series.key}-${index}`;
      return <path key={key} className="unusual" d={`M${left} ${bottom}l4-4-4-4-4 4z`} />;
    }),
  );
}

function Bars({ placed, geometry, partialFrom }: Omit<MarksProps, 'withPrevious' | 'withUsual'>) {
  const { panel, y } = placed;
  const { x } = geometry;
  const bars = panel.series.filter((series) => series.kind === 'bar');
  const buckets = bars[0]?.values.length ?? 0;
  const ground = y(0);
  return Array.from({ length: buckets }, (_, index) => {
    let below = 0;
    return bars.map((series) => {
      const value = series.values[index] ?? null;
      if (value === null) return null;
      const base = panel.stacked ? below : 0;
      below += value;
      const top = y(base + value);
      const filling = partialFrom !== null && index >= partialFrom ? 'filling' : '';
      return (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: a bucket is its place on the axis
          key={`${series.key}-${index}`}
          data-series={series.key}
          className={`bar tone-${series.tone} ${filling}`}
          x={x(index)}
          width={x.bandwidth()}
          y={top}
          height={Math.max(0, (panel.stacked ? y(base) : ground) - top)}
          rx={Math.min(2, x.bandwidth() / 4)}
        />
      );
    });
  });
}

interface LineProps {
  readonly values: Series['values'];
  readonly geometry: Geometry;
  readonly y: PlacedPanel['y'];
  readonly className: string;
  readonly dots?: boolean;
  readonly partialFrom?: number | null;
}

function Line({ values, geometry, y, className, dots = false, partialFrom = null }: LineProps) {
  const few = values.length <= 31;
  const places = values.map((value, index) => ({ value, index }));
  const settled = partialFrom ?? values.length;
  // What is still filling falls short of the rest: a solid line would read as a drop.
  const stretches = [
    { key: 'settled', className: '', data: places.slice(0, settled) },
    { key: 'filling', className: 'filling', data: places.slice(Math.max(0, settled - 1)) },
  ].filter((stretch) => stretch.key === 'settled' || settled < values.length);
  return (
    <g className={className}>
      {stretches.map((stretch) => (
        <path
          key={stretch.key}
          className={stretch.className}
          d={linePath(
            stretch.data.map(({ value, index }) =>
              value === null ? null : [geometry.centreOf(index), y(value)],
            ),
          )}
        />
      ))}
      {dots &&
        few &&
        places.map(({ value, index }) =>
          value === null ? null : (
            <circle
              key={index}
              className={index >= settled ? 'filling' : ''}
              cx={geometry.centreOf(index)}
              cy={y(value)}
              r={2.5}
            />
          ),
        )}
    </g>
  );
}
