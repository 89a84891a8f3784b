/** The stages of the lifecycle in the period and in another one: their means over whole buckets. */

import { useTranslation } from 'react-i18next';
import type { ReportAnswer } from '../api/types';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';

const STAGES = ['returning', 'resurrected', 'new', 'dormant'] as const;
type Stage = (typeof STAGES)[number];
type Point = ReportAnswer<'/api/v1/stats/lifecycle'>['lifecycle']['points'][number];

interface Props {
  readonly points: readonly Point[];
  readonly previous: readonly Point[];
  readonly previousName: string;
  readonly step: 'day' | 'week' | 'month';
}

interface Row {
  readonly stage: Stage;
  readonly now: number | null;
  readonly before: number | null;
}

export function LifecycleComparison({ points, previous, previousName, step }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const rows = STAGES.map(
    (stage): Row => ({
      stage,
      now: meanOf(points, stage),
      before: meanOf(previous, stage),
    }),
  );
  if (rows.every(({ now }) => now === null)) {
    return <p className="note">{t(`users.noWhole.${step}`)}</p>;
  }
  const columns: Column<Row>[] = [
    {
      key: 'stage',
      title: t('users.stage'),
      value: ({ stage }) => t(`metric.${stage}`),
      isHeader: true,
    },
    {
      key: 'now',
      title: t(`users.mean.${step}`),
      value: ({ now }) => now,
      show: ({ now }) => formats.decimal(now),
      isNumeric: true,
    },
    {
      key: 'before',
      title: previousName,
      value: ({ before }) => before,
      show: ({ before }) => formats.decimal(before),
      isNumeric: true,
    },
    {
      key: 'change',
      title: t('users.change'),
      value: changeOf,
      show: (row) => {
        const change = changeOf(row);
        return change === null ? NONE : formats.change(change);
      },
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('users.lifecycleCompared')}
      columns={columns}
      rows={rows}
      keyOf={({ stage }) => stage}
    />
  );
}

/** Without the buckets that the period or the data cut: they would fall short of the others. */
function meanOf(points: readonly Point[], stage: Stage): number | null {
  const whole = points.filter((point) => !point.is_partial);
  if (whole.length === 0) return null;
  return whole.reduce((sum, point) => sum + point[stage], 0) / whole.length;
}

/** Of nothing there is no relative change. */
function changeOf({ now, before }: Row): number | null {
  return now === null || before === null || before === 0 ? null : now / before - 1;
}
