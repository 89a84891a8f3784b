/** The period that a page compares with, as the API resolves it, for reports that know one only. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ReportAnswer, ReportPath, ReportQuery } from '../api/types';
import { useReport } from '../api/useReport';
import { compareQuery, type PeriodQuery } from '../period/query';
import { useComparedName } from '../period/useComparedName';
import { today, type View } from '../period/view';
import { useFormats } from '../ui/format';
import { useFirstDay } from './useFirstDay';

export interface OtherPeriod {
  readonly name: string;
  /** Whether it is shown: also as long as its figures are asked for, so that nothing moves then. */
  readonly isCompared: boolean;
  /** Null: it is not compared, or not known yet. */
  readonly query: PeriodQuery | null;
  /** Why it is not compared, in words; empty when it is. */
  readonly notCompared: string;
}

export function useOtherPeriod(view: View): OtherPeriod {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const name = useComparedName();
  const firstDay = useFirstDay();
  const asked = useMemo(() => (view.compare ? compareQuery(view) : null), [view]);
  const data = useOtherReport('/api/v1/stats/summary', asked);
  const [since, until] = [data?.summary.previous_since, data?.summary.previous_until];
  const query = useMemo((): PeriodQuery | null => {
    if (!asked || !since || !until || since === until) return null;
    const { tz, filters } = asked;
    return {
      period: 'custom',
      from: since,
      to: until,
      ...(tz ? { tz } : {}),
      ...(filters ? { filters } : {}),
    };
  }, [asked, since, until]);
  const startsEarly = since && data && today(data.period.tz, new Date(since)) < (firstDay ?? '');
  if (query && firstDay && startsEarly) {
    const notCompared = t('kpi.dataFrom', { day: formats.day(firstDay) });
    return { name, isCompared: false, query: null, notCompared };
  }
  return { name, isCompared: view.compare, query, notCompared: '' };
}

/** A report about the other period: never the answer to an earlier question under a new name. */
export function useOtherReport<P extends ReportPath>(
  path: P,
  query: ReportQuery<P> | null,
): ReportAnswer<P> | undefined {
  const { data, isPlaceholderData } = useReport(path, query);
  return isPlaceholderData ? undefined : data;
}
