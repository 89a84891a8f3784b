/** The first page: what is going on, in one sentence, six figures and four pictures. */

import { Suspense, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dashboard, ReportAnswer } from '../api/types';
import { useReport } from '../api/useReport';
import { ACTIVITY_HEIGHT } from '../charts/ActivityChart';
import { HEATMAP_HEIGHT, Heatmap } from '../charts/Heatmap';
import { isCovered } from '../charts/model';
import { withLegend } from '../charts/TimeChart';
import { compareQuery } from '../period/query';
import { earlier, holds, usePickedHour } from '../period/usePicked';
import { Card } from '../ui/Card';
import { Loaded } from '../ui/Loaded';
import { lazyPart } from '../ui/lazyPart';
import { DialogTable } from './DialogTable';
import { fileName, seriesRows, useFile } from './files';
import { Headline } from './Headline';
import { KPI_HEIGHT, KpiCards } from './KpiCards';
import { definedBy, MetricSelect } from './MetricSelect';
import { NowStrip } from './NowStrip';
import { PageFrame } from './PageFrame';
import { PickedActivity } from './PickedActivity';
import { TopUsersTable } from './TopUsersTable';
import { useFirstDay } from './useFirstDay';
import { usePageQuery } from './usePageQuery';
import { useSetup } from './useSetup';

/** Few installations are new. */
const SetupCard = lazyPart(() => import('./SetupCard'));

const TABLE_HEIGHT = 420;

export function OverviewPage() {
  const { t } = useTranslation();
  const file = useFile();
  const [view, query] = usePageQuery();
  const dashboard = useReport(
    '/api/v1/stats',
    useMemo(() => compareQuery(view), [view]),
  );
  const models = useReport('/api/v1/stats/models', query);
  const heatmap = useReport('/api/v1/stats/heatmap', query);
  const firstDay = useFirstDay();
  const setup = useSetup();
  const compared = dashboard.data && comparedSince(dashboard.data, firstDay);
  const data = compared?.answer;
  return (
    <PageFrame
      title={t('nav.overview')}
      main={dashboard}
      compares
      hasPoints
      lead={
        <>
          {(data || !setup.isShown) && (
            <Headline
              dashboard={data}
              dataFrom={compared?.dataFrom ?? null}
              models={models.data?.models.models}
            />
          )}
          {setup.isShown && (
            <Suspense fallback={null}>
              <SetupCard onEnd={setup.end} />
            </Suspense>
          )}
        </>
      }
    >
      <Loaded query={dashboard} height={KPI_HEIGHT}>
        {(answer) => <KpiCards {...comparedSince(answer, firstDay)} firstDay={firstDay} />}
      </Loaded>
      <NowStrip />
      <Card
        title={t('activity.title')}
        metrics={view.metric ? definedBy(view.metric) : ['user_messages', 'active_users']}
        note={data && t('activity.zone', { zone: data.period.tz })}
        actions={<MetricSelect />}
        picture={data ? fileName(view.metric ?? 'activity', data) : null}
        csv={data ? file('activity', data, seriesRows(data.activity)) : null}
      >
        <Loaded query={dashboard} height={withLegend(ACTIVITY_HEIGHT)}>
          {(answer) => <PickedActivity answer={answer} firstDay={firstDay} metric={view.metric} />}
        </Loaded>
      </Card>
      <Card
        title={t('heatmap.title')}
        metrics={['turns', 'active_users']}
        note={t('heatmap.note')}
        csv={heatmap.data ? file('heatmap', heatmap.data, heatmap.data.heatmap.cells) : null}
      >
        <Loaded query={heatmap} height={HEATMAP_HEIGHT}>
          {(answer) => <PickedHeatmap answer={answer} firstDay={firstDay} />}
        </Loaded>
      </Card>
      <div className="columns">
        <Card
          title={t('dialogs.recent')}
          metrics={['user_messages', 'tokens', 'cost_usd']}
          csv={data ? file('dialogs', data, data.recent_dialogs) : null}
        >
          <Loaded query={dashboard} height={TABLE_HEIGHT}>
            {(answer) => (
              <DialogTable
                dialogs={answer.recent_dialogs}
                people={answer.people}
                tz={answer.period.tz}
                isShort
              />
            )}
          </Loaded>
        </Card>
        <Card
          title={t('users.top')}
          metrics={['user_messages', 'tokens', 'cost_usd']}
          csv={data ? file('top-users', data, data.top_users) : null}
        >
          <Loaded query={dashboard} height={TABLE_HEIGHT}>
            {(answer) => (
              <TopUsersTable
                users={answer.top_users}
                people={answer.people}
                tz={answer.period.tz}
                isShort
              />
            )}
          </Loaded>
        </Card>
      </div>
    </PageFrame>
  );
}

interface PickedProps {
  readonly answer: ReportAnswer<'/api/v1/stats/heatmap'>;
  readonly firstDay: string | null;
}

function PickedHeatmap({ answer, firstDay }: PickedProps) {
  const { t } = useTranslation();
  const { period, newest_through: through } = answer;
  const picks = { tz: period.tz, ...usePickedHour(period, { firstDay, through }) };
  const isCounted = useMemo(() => {
    const until = earlier(period.until, through);
    return holds({ since: period.since, until, tz: period.tz });
  }, [period.since, period.until, period.tz, through]);
  return (
    <Heatmap
      cells={answer.heatmap.cells}
      caption={t('heatmap.title')}
      isCounted={isCounted}
      picks={picks}
    />
  );
}

interface Compared {
  /** Without a compared period that lies before the first turn, wholly or in part. */
  readonly answer: Dashboard;
  /** The first day of the data, where that is why nothing is compared. */
  readonly dataFrom: string | null;
}

function comparedSince(answer: Dashboard, firstDay: string | null): Compared {
  const { activity, period, summary } = answer;
  const { previous, previous_since: since } = summary;
  if (!previous || !since || isCovered(since, activity.previous, firstDay, period.tz)) {
    return { answer, dataFrom: null };
  }
  return { answer: { ...answer, summary: { ...summary, previous: null } }, dataFrom: firstDay };
}
