/** How people rated answers: by model, by source, and by button or reaction. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RatedGroup } from '../api/types';
import { useReport } from '../api/useReport';
import { useScope } from '../app/services';
import { Pick } from '../filters/Pick';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { Empty } from '../ui/states';
import { BadAnswerReader } from './BadAnswerReader';
import { useFile } from './files';
import { usePageQuery } from './usePageQuery';

const COLUMNS = ['value', 'dimension', 'good_ratings', 'bad_ratings', 'satisfaction'];
const DIMENSIONS = ['model', 'source', 'given_by'] as const;
const WAYS = ['button', 'reaction'] as const;

/** The card; those who may read texts can open the answers that were rated as bad. */
export function Ratings() {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const mayRead = useScope('texts:read');
  const [isOpen, setOpen] = useState(false);
  const [, query] = usePageQuery();
  const ratings = useReport('/api/v1/stats/feedback', query);
  const found = ratings.data?.feedback;
  return (
    <Card
      title={t('ratings.title')}
      metrics={['good_ratings', 'bad_ratings', 'satisfaction']}
      note={
        found &&
        t('ratings.note', {
          share: formats.percent(found.satisfaction),
          good: formats.count(found.good_ratings),
          bad: formats.count(found.bad_ratings),
        })
      }
      csv={ratings.data && found ? file('ratings', ratings.data, found.groups) : null}
      actions={
        mayRead && (
          <button type="button" className="button" onClick={() => setOpen(true)}>
            {t('ratings.badAnswers')}
          </button>
        )
      }
    >
      <Loaded query={ratings} height={120}>
        {(answer) => <RatingTable groups={answer.feedback.groups} />}
      </Loaded>
      {isOpen && (
        <BadAnswerReader tz={ratings.data?.period.tz ?? 'UTC'} onClose={() => setOpen(false)} />
      )}
    </Card>
  );
}

function RatingTable({ groups }: { readonly groups: readonly RatedGroup[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [order, onOrder] = useOrder('ratings', COLUMNS);
  if (groups.length === 0) return <Empty text={t('ratings.empty')} />;
  const dimensionOf = (row: RatedGroup) => {
    const known = DIMENSIONS.find((dimension) => dimension === row.dimension);
    return known ? t(`ratings.${known}`) : row.dimension;
  };
  const nameOf = (row: RatedGroup) => {
    const way = WAYS.find((one) => row.dimension === 'given_by' && one === row.value);
    if (way) return t(`ratings.${way}`);
    return row.value ?? t(row.dimension === 'model' ? 'models.none' : 'users.direct');
  };
  const columns: Column<RatedGroup>[] = [
    {
      key: 'value',
      title: t('ratings.of'),
      value: nameOf,
      show: (row) =>
        row.dimension === 'model' ? (
          <Pick dimension="model" value={row.value ?? ''}>
            {nameOf(row)}
          </Pick>
        ) : (
          <Clipped text={nameOf(row)} />
        ),
      isHeader: true,
    },
    { key: 'dimension', title: t('ratings.by'), value: dimensionOf },
    {
      key: 'good_ratings',
      title: t('ratings.good'),
      value: (row) => row.good_ratings,
      show: (row) => formats.count(row.good_ratings),
      isNumeric: true,
    },
    {
      key: 'bad_ratings',
      title: t('ratings.bad'),
      value: (row) => row.bad_ratings,
      show: (row) => formats.count(row.bad_ratings),
      isNumeric: true,
    },
    {
      key: 'satisfaction',
      title: t('ratings.satisfaction'),
      value: (row) => row.satisfaction,
      show: (row) => formats.rate(row.satisfaction),
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('ratings.title')}
      columns={columns}
      rows={groups}
      keyOf={(row) => `${row.dimension} ${row.value ?? ''}`}
      sorting={{ order, onOrder }}
    />
  );
}
