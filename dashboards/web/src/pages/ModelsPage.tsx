/** Which models answer, how well, and what they cost. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Costs } from '../api/types';
import { useReport } from '../api/useReport';
import { withLegend } from '../charts/TimeChart';
import { compareQuery, seriesQuery } from '../period/query';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { BillCard } from './BillCard';
import { ForecastCard } from './ForecastCard';
import { fileName, useFile } from './files';
import { CauseTable, ModelTable } from './ModelTables';
import { PageFrame } from './PageFrame';
import { PickedActivity } from './PickedActivity';
import { Ratings } from './RatingTable';
import { useFirstDay } from './useFirstDay';
import { usePageQuery } from './usePageQuery';

const COSTS_HEIGHT = 240;

export default function ModelsPage() {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const [view, query] = usePageQuery();
  const models = useReport('/api/v1/stats/models', query);
  const costs = useReport(
    '/api/v1/stats/costs',
    useMemo(() => seriesQuery(view), [view]),
  );
  const activity = useReport(
    '/api/v1/stats/activity',
    useMemo(() => compareQuery(view), [view]),
  );
  const firstDay = useFirstDay();
  const spent = costs.data?.costs;
  const abandoned = activity.data?.activity.points.reduce((sum, one) => sum + one.abandoned, 0);
  return (
    <PageFrame title={t('nav.models')} main={models} compares hasPoints>
      <Card
        title={t('models.costs')}
        metrics={['cost_usd', 'unpriced_turns', 'cost_per_served_user_usd', 'cost_per_answer_usd']}
        note={
          spent &&
          [
            t('models.total', { value: formats.money(spent.cost_usd) }),
            t('models.perUser', { value: formats.money(spent.cost_per_served_user_usd) }),
            t('models.perAnswer', { value: formats.money(spent.cost_per_answer_usd) }),
          ].join(' · ')
        }
        picture={activity.data ? fileName('costs', activity.data) : null}
        csv={costs.data && spent ? file('costs', costs.data, spent.points) : null}
      >
        <Loaded query={activity} height={withLegend(COSTS_HEIGHT)}>
          {(answer) => (
            <PickedActivity
              answer={answer}
              firstDay={firstDay}
              metric="cost_usd"
              height={COSTS_HEIGHT}
              label={t('models.costs')}
            />
          )}
        </Loaded>
        {spent && <UnpricedModels models={spent.unpriced_models} />}
      </Card>
      <BillCard />
      <ForecastCard />
      <Card
        title={t('models.title')}
        metrics={[
          'turns',
          'error_rate',
          'fallback_rate',
          'cost_per_answer_usd',
          'latency_p95_ms',
          'ttft_p95_ms',
          'tokens_per_second',
          'fallback_wait_ms',
          'fallback_cost_usd',
        ]}
        note={t('models.note')}
        csv={models.data ? file('models', models.data, models.data.models.models) : null}
      >
        <Loaded query={models} height={240}>
          {(answer) => <ModelTable models={answer.models.models} />}
        </Loaded>
      </Card>
      <Card
        title={t('models.causes')}
        note={[
          t('models.causesNote'),
          abandoned !== undefined && t('models.abandoned', { value: formats.count(abandoned) }),
        ]
          .filter(Boolean)
          .join('. ')}
        metrics={['failed', 'rejected', 'cancelled', 'abandoned', 'fallbacks']}
        csv={models.data ? file('causes', models.data, models.data.models.causes) : null}
      >
        <Loaded query={models} height={240}>
          {(answer) => <CauseTable causes={answer.models.causes} />}
        </Loaded>
      </Card>
      <Ratings />
    </PageFrame>
  );
}

const MAX_UNPRICED = 5;

/** The models whose cost is not in the figures: the first few by name, the rest by their number. */
function UnpricedModels({ models }: { readonly models: Costs['unpriced_models'] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  if (models.length === 0) return null;
  const named = models
    .slice(0, MAX_UNPRICED)
    .map((one) => `${one.model || t('models.none')} (${formats.count(one.turns)})`);
  const count = models.length - named.length;
  const all = count > 0 ? [...named, t('models.rest', { count })] : named;
  return <p className="note">{t('models.unpriced', { models: all.join(', ') })}</p>;
}
