/** Which models answer, how well, and what they cost. */

import { useTranslation } from 'react-i18next';
import type { Costs, ReportAnswer } from '../api/types';
import { useReport } from '../api/useReport';
import { CostChart } from '../charts/CostChart';
import { withLegend } from '../charts/TimeChart';
import { usePickedBucket } from '../period/usePicked';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { useFile } from './files';
import { CauseTable, ModelTable } from './ModelTables';
import { PageFrame } from './PageFrame';
import { Ratings } from './RatingTable';
import { useFirstDay } from './useFirstDay';
import { usePageQuery } from './usePageQuery';

export default function ModelsPage() {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const [, query] = usePageQuery();
  const models = useReport('/api/v1/stats/models', query);
  const costs = useReport('/api/v1/stats/costs', query);
  const firstDay = useFirstDay();
  const spent = costs.data?.costs;
  return (
    <PageFrame title={t('nav.models')} main={models}>
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
        csv={costs.data && spent ? file('costs', costs.data, spent.points) : null}
      >
        <Loaded query={costs} height={withLegend(240)}>
          {(answer) => (
            <>
              <PickedCosts answer={answer} firstDay={firstDay} />
              {answer.costs.unpriced_models.length > 0 && (
                <UnpricedModels models={answer.costs.unpriced_models} />
              )}
            </>
          )}
        </Loaded>
      </Card>
      <Card
        title={t('models.title')}
        metrics={[
          'turns',
          'error_rate',
          'fallback_rate',
          'cost_per_answer_usd',
          'latency_p95_ms',
          'ttft_p95_ms',
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
        metrics={['failed', 'rejected', 'cancelled', 'fallbacks']}
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

interface CostsProps {
  readonly answer: ReportAnswer<'/api/v1/stats/costs'>;
  readonly firstDay: string | null;
}

/** A bar that is pressed becomes the period. */
function PickedCosts({ answer, firstDay }: CostsProps) {
  const { costs, period, newest_through } = answer;
  const onPick = usePickedBucket(
    period,
    costs.points.map((point) => point.start),
  );
  return (
    <CostChart
      points={costs.points}
      bucket={period.bucket}
      tz={period.tz}
      dataThrough={newest_through}
      firstDay={firstDay}
      onPick={onPick}
    />
  );
}

const MAX_UNPRICED = 5;

/** The models whose cost is not in the figures: the first few by name, the rest by their number. */
function UnpricedModels({ models }: { readonly models: Costs['unpriced_models'] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const named = models
    .slice(0, MAX_UNPRICED)
    .map((one) => `${one.model || t('models.none')} (${formats.count(one.turns)})`);
  const count = models.length - named.length;
  const all = count > 0 ? [...named, t('models.rest', { count })] : named;
  return <p className="note">{t('models.unpriced', { models: all.join(', ') })}</p>;
}
