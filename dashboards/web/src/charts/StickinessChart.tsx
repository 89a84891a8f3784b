/** Distinct people of a day, of 7 and of 30 days, side by side. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import type { Series, Tone } from './model';
import { TimeChart } from './TimeChart';

export interface StickinessPoint {
  readonly day: string;
  readonly dau: number;
  readonly wau: number;
  readonly mau: number;
}

interface Props {
  readonly points: readonly StickinessPoint[];
  readonly tz: string;
  readonly partialFrom: number | null;
  readonly firstDay: string | null;
}

const LINES: readonly (readonly ['dau' | 'wau' | 'mau', Tone])[] = [
  ['mau', 'grey'],
  ['wau', 'blue'],
  ['dau', 'orange'],
];

export function StickinessChart({ points, tz, partialFrom, firstDay }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const series = LINES.map(
    ([key, tone]): Series => ({
      key,
      label: t(`metric.${key}`),
      kind: 'line',
      tone,
      values: points.map((point) => point[key]),
      format: (value) => formats.count(value),
    }),
  );
  return (
    <TimeChart
      label={t('retention.stickiness')}
      height={260}
      axis={{
        starts: points.map((point) => point.day),
        bucket: 'day',
        tz,
        partialFrom,
        firstDay,
        ...(partialFrom === null ? {} : { knownTo: partialFrom + 1 }),
      }}
      panels={[{ key: 'people', weight: 1, series }]}
    />
  );
}
