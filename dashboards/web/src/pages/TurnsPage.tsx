/** The turns behind a count: those that the period and the filters count. */

import { useTranslation } from 'react-i18next';
import { useReport } from '../api/useReport';
import { useFormats } from '../ui/format';
import { PageFrame } from './PageFrame';
import { TurnList } from './TurnList';
import { usePageQuery } from './usePageQuery';

export default function TurnsPage() {
  const { t } = useTranslation();
  const [, query] = usePageQuery();
  const summary = useReport('/api/v1/stats/summary', query);
  const period = summary.data?.period;
  const formats = useFormats(period?.tz ?? null);
  const count = summary.data?.summary.current.turns;
  const note =
    count === undefined || !period
      ? undefined
      : t('turns.count', {
          count,
          value: formats.count(count),
          span: formats.span(period.since, period.until),
        });
  return (
    <PageFrame title={t('nav.turns')} main={summary}>
      <TurnList query={query} note={note} />
    </PageFrame>
  );
}
