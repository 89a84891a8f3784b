/** By the link people came from: how many came, stayed and returned, and what they cost. */

import { useTranslation } from 'react-i18next';
import { useReport } from '../api/useReport';
import type { PeriodQuery } from '../period/query';
import { Card } from '../ui/Card';
import { Loaded } from '../ui/Loaded';
import { FunnelTable, sourcesOf } from './FunnelTable';
import { useFile } from './files';

interface Props {
  readonly title: string;
  readonly query: PeriodQuery;
}

export function FunnelCard({ title, query }: Props) {
  const { t } = useTranslation();
  const file = useFile();
  const funnel = useReport('/api/v1/stats/funnel', query);
  return (
    <Card
      title={title}
      metrics={['activated', 'retention', 'cost_usd']}
      note={t('users.funnelNote')}
      csv={funnel.data ? file('funnel', funnel.data, sourcesOf(funnel.data.funnel)) : null}
    >
      <Loaded query={funnel} height={200}>
        {(answer) => <FunnelTable funnel={answer.funnel} caption={title} />}
      </Loaded>
    </Card>
  );
}
