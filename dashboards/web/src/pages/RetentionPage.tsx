/** Who returns after the first day, and how often people come. */

import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ReportAnswer } from '../api/types';
import { useReport } from '../api/useReport';
import { partialDayFrom } from '../charts/model';
import { RetentionGrid, retentionCsv, wholeCohorts } from '../charts/RetentionGrid';
import { StickinessChart } from '../charts/StickinessChart';
import { withLegend } from '../charts/TimeChart';
import { periodQuery } from '../period/query';
import { useView } from '../period/useView';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { Segmented } from '../ui/Segmented';
import { FunnelCard } from './FunnelCard';
import { fileName, useFile } from './files';
import { PageFrame } from './PageFrame';
import { useFirstDay } from './useFirstDay';
import { useOtherPeriod, useOtherReport } from './useOtherPeriod';

const WIDTHS = ['day', 'week'] as const;

export default function RetentionPage() {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const [view] = useView();
  // Days and weeks of retention are those of the report zone.
  const inReportZone = useMemo(() => ({ ...view, tz: null }), [view]);
  const query = useMemo(() => periodQuery(inReportZone), [inReportZone]);
  const other = useOtherPeriod(inReportZone);
  const [width, setWidth] = useState<(typeof WIDTHS)[number]>('day');
  const retention = useReport('/api/v1/stats/retention', { ...query, width });
  const stickiness = useReport('/api/v1/stats/stickiness', query);
  const earlier = useOtherReport(
    '/api/v1/stats/retention',
    useMemo(() => other.query && { ...other.query, width }, [other.query, width]),
  );
  const earlierSticky = useOtherReport('/api/v1/stats/stickiness', other.query)?.stickiness;
  const firstDay = useFirstDay();
  const sticky = stickiness.data?.stickiness;
  return (
    <PageFrame title={t('nav.retention')} main={retention} picks="period" compares>
      <Card
        title={t('retention.title')}
        metrics={['retention']}
        note={[t(`retention.note.${width}`), other.notCompared].filter(Boolean).join(' · ')}
        csv={
          retention.data
            ? retentionCsv(fileName('retention', retention.data), retention.data.retention.cohorts)
            : null
        }
        actions={
          <Segmented
            label={t('retention.width')}
            value={width}
            options={WIDTHS.map((value) => ({ value, label: t(`retention.${value}`) }))}
            onChange={setWidth}
          />
        }
      >
        <Loaded query={retention} height={360}>
          {(answer) => (
            <RetentionGrid
              cohorts={answer.retention.cohorts}
              width={answer.retention.width}
              compared={
                other.isCompared
                  ? {
                      name: other.name,
                      now: wholeOf(answer),
                      before: earlier ? wholeOf(earlier) : null,
                    }
                  : null
              }
            />
          )}
        </Loaded>
      </Card>
      <FunnelCard title={t('retention.bySource')} query={query} />
      <Card
        title={t('retention.stickiness')}
        metrics={['dau', 'wau', 'mau', 'dau_mau']}
        note={
          sticky &&
          [
            t('retention.stickinessNote', { ratio: formats.percent(sticky.average_dau_mau) }),
            earlierSticky &&
              t('chart.before', { value: formats.percent(earlierSticky.average_dau_mau) }),
          ]
            .filter(Boolean)
            .join(' ')
        }
        picture={stickiness.data ? fileName('stickiness', stickiness.data) : null}
        csv={stickiness.data && sticky ? file('stickiness', stickiness.data, sticky.points) : null}
      >
        <Loaded query={stickiness} height={withLegend(260)}>
          {(answer) => (
            <StickinessChart
              points={answer.stickiness.points}
              tz={answer.stickiness.tz}
              firstDay={firstDay}
              partialFrom={partialDayFrom(
                answer.stickiness.points.map((point) => point.day),
                answer,
                answer.stickiness.tz,
              )}
            />
          )}
        </Loaded>
      </Card>
    </PageFrame>
  );
}

function wholeOf({ retention, period }: ReportAnswer<'/api/v1/stats/retention'>) {
  return wholeCohorts(retention.cohorts, retention.width, period, retention.tz);
}
