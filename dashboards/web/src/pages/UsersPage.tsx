/** Who uses the bot, who comes, who stays away. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useReport } from '../api/useReport';
import { LifecycleChart } from '../charts/LifecycleChart';
import { partialDayFrom } from '../charts/model';
import { withLegend } from '../charts/TimeChart';
import { seriesQuery } from '../period/query';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { Loaded } from '../ui/Loaded';
import { Segmented } from '../ui/Segmented';
import { Blocks, Commands } from './EventCards';
import { FunnelCard } from './FunnelCard';
import { fileName, useFile } from './files';
import { LifecycleComparison } from './LifecycleComparison';
import { PageFrame } from './PageFrame';
import { SessionsCard } from './SessionsCard';
import { TopUsersTable } from './TopUsersTable';
import { useFirstDay } from './useFirstDay';
import { useOtherPeriod, useOtherReport } from './useOtherPeriod';
import { usePageQuery } from './usePageQuery';

/** The columns that the API ranks users by, and its names for them. */
const ORDERS = { user_messages: 'messages', tokens: 'tokens', cost_usd: 'cost' } as const;
const COLUMNS = Object.keys(ORDERS) as (keyof typeof ORDERS)[];

export default function UsersPage() {
  const { t } = useTranslation();
  const file = useFile();
  const [view, query] = usePageQuery();
  const [kept, setOrder] = useOrder('users', COLUMNS);
  const column = COLUMNS.find((one) => one === kept?.key) ?? 'user_messages';
  const by = ORDERS[column];
  // There is no list of those who write least: every click chooses who is first.
  const rankBy = (key: string) => setOrder({ key, isDescending: true });
  const top = useReport('/api/v1/stats/users/top', { ...query, by, limit: 25 });
  const firstDay = useFirstDay();
  const lifecycle = useReport(
    '/api/v1/stats/lifecycle',
    useMemo(() => seriesQuery(view), [view]),
  );
  const other = useOtherPeriod(view);
  const step = stepOf(lifecycle.data?.period.bucket);
  const earlier = useOtherReport(
    '/api/v1/stats/lifecycle',
    useMemo(() => other.query && { ...other.query, bucket: step }, [other.query, step]),
  )?.lifecycle.points;
  return (
    <PageFrame title={t('nav.users')} main={top} compares hasPoints>
      <Card
        title={t('users.lifecycle')}
        metrics={['new_users', 'active_users', 'churned']}
        note={[t(`users.lifecycleNote.${step}`), other.notCompared].filter(Boolean).join(' · ')}
        picture={lifecycle.data ? fileName('lifecycle', lifecycle.data) : null}
        csv={
          lifecycle.data ? file('lifecycle', lifecycle.data, lifecycle.data.lifecycle.points) : null
        }
      >
        <Loaded query={lifecycle} height={withLegend(260)}>
          {(answer) => (
            <>
              <LifecycleChart
                points={answer.lifecycle.points}
                tz={answer.lifecycle.tz}
                bucket={answer.period.bucket}
                firstDay={firstDay}
                partialFrom={partialDayFrom(
                  answer.lifecycle.points.map((point) => point.start),
                  answer,
                  answer.lifecycle.tz,
                )}
              />
              {other.isCompared && (
                <LifecycleComparison
                  points={answer.lifecycle.points}
                  previous={earlier ?? []}
                  previousName={other.name}
                  step={step}
                />
              )}
            </>
          )}
        </Loaded>
      </Card>
      <SessionsCard other={other} />
      <Card
        title={t('users.top')}
        metrics={['user_messages', 'tokens', 'cost_usd']}
        csv={top.data ? file('top-users', top.data, top.data.top_users) : null}
        actions={
          <Segmented
            label={t('users.by')}
            value={column}
            options={COLUMNS.map((value) => ({ value, label: t(`users.${ORDERS[value]}`) }))}
            onChange={rankBy}
          />
        }
      >
        <Loaded query={top} height={420}>
          {(answer) => (
            <TopUsersTable
              users={answer.top_users}
              people={answer.people}
              tz={answer.period.tz}
              sorting={{
                order: { key: column, isDescending: true },
                onOrder: ({ key }) => rankBy(key),
              }}
            />
          )}
        </Loaded>
      </Card>
      <FunnelCard title={t('users.funnel')} query={query} />
      <Commands />
      <Blocks />
    </PageFrame>
  );
}

/** How long a bar of the lifecycle is: its shortest is a day. */
function stepOf(bucket: string | undefined): 'day' | 'week' | 'month' {
  return bucket === 'week' || bucket === 'month' ? bucket : 'day';
}
