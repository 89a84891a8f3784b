/** The period in words: how many people, more or fewer, what it cost, which model fails most. */

import { useTranslation } from 'react-i18next';
import type { Dashboard, ModelRow } from '../api/types';
import { useComparedName } from '../period/useComparedName';
import { PERIODS, today } from '../period/view';
import { useFormats } from '../ui/format';
import { MIN_CASES } from './significance';
import { sumOfModels } from './sums';
import { useWorstModel } from './worstModel';

interface Props {
  readonly dashboard: Dashboard | undefined;
  /** The first day of the data, where it lies after the start of the compared period. */
  readonly dataFrom: string | null;
  readonly models: readonly ModelRow[] | undefined;
}

export function Headline({ dashboard, dataFrom, models }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(dashboard?.period.tz ?? null);
  const then = useComparedName('headline.then');
  const worst = useWorstModel(models);
  if (!dashboard) return <p className="headline" aria-hidden="true" />;
  const { summary, period } = dashboard;
  const { current, previous } = summary;
  const people = t('headline.people', {
    count: current.active_users,
    value: formats.count(current.active_users),
    period: periodText(),
  });
  const cost =
    current.cost_usd === null
      ? t('headline.costUnknown')
      : t('headline.cost', { value: formats.money(current.cost_usd) });
  return (
    <p className="headline">
      <strong>{people}</strong>{' '}
      {previous && <>{changeText(current.active_users, previous.active_users)} </>}
      {dataFrom && <>{t('headline.dataFrom', { day: formats.day(dataFrom) })} </>}
      {cost} {failureText()}
    </p>
  );

  function periodText(): string {
    // The page asks for these names alone; any other is said by its days, or its times.
    const named = PERIODS.find((name) => name === period.name) ?? 'custom';
    if (named !== 'custom') return t(`headline.period.${named}`);
    const { since, until } = period;
    if (!formats.isOfDays(since, until)) {
      return t('headline.period.times', {
        from: formats.moment(since),
        to: isSameDay(since, until) ? formats.time(until) : formats.moment(until),
      });
    }
    const last = new Date(Date.parse(until) - 1).toISOString();
    return isSameDay(since, last)
      ? t('headline.period.oneDay', { day: formats.day(since) })
      : t('headline.period.custom', { from: formats.day(since), to: formats.day(last) });
  }

  function isSameDay(one: string, other: string): boolean {
    return today(period.tz, new Date(one)) === today(period.tz, new Date(other));
  }

  function changeText(now: number, before: number): string {
    const value = formats.count(before);
    if (before === 0) return t('headline.noneBefore', { then });
    if (now === before) return t('headline.same', { value, then });
    const change = formats.percent(Math.abs(now / before - 1));
    return now > before
      ? t('headline.more', { change, value, then })
      : t('headline.fewer', { change, value, then });
  }

  function failureText(): string {
    if (!models) return '';
    const total = sumOfModels(models);
    const turns = formats.count(total.served_turns);
    if (total.served_turns === 0) return '';
    if (total.failed === 0) return t('headline.noFailures', { turns });
    if (worst) {
      const others = sumOfModels(models.filter((model) => model !== worst));
      return t('headline.worst', {
        model: worst.model,
        rate: formats.percent(worst.error_rate),
        failed: formats.count(worst.failed),
        turns: formats.count(worst.served_turns),
        others: formats.percent(others.error_rate),
      });
    }
    const failed = t('headline.failed', {
      rate: formats.percent(total.error_rate),
      failed: formats.count(total.failed),
      turns,
    });
    const rates = comparedModels(models).map((model) => model.error_rate ?? 0);
    if (rates.length < 2) return failed;
    const alike = t('headline.alike', {
      low: formats.percent(Math.min(...rates)),
      high: formats.percent(Math.max(...rates)),
    });
    return `${failed} ${alike}`;
  }
}

/** The models with enough turns to speak of their rates. */
function comparedModels(models: readonly ModelRow[]): readonly ModelRow[] {
  return models.filter((model) => model.served_turns >= MIN_CASES);
}
