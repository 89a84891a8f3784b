/** The period in words: how many people, more or fewer, what it cost, which model fails most. */

import { useTranslation } from 'react-i18next';
import type { Dashboard, ModelRow } from '../api/types';
import { useComparedName } from '../period/useComparedName';
import { PERIODS } from '../period/view';
import { useFormats } from '../ui/format';
import { isAbove } from './significance';
import { sumOfModels } from './sums';

interface Props {
  readonly dashboard: Dashboard | undefined;
  readonly models: readonly ModelRow[] | undefined;
}

export function Headline({ dashboard, models }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(dashboard?.period.tz ?? null);
  const then = useComparedName('headline.then');
  if (!dashboard) return <p className="headline" aria-hidden="true" />;
  const { summary, period } = dashboard;
  const { current, previous } = summary;
  // The page asks for these names alone; any other is said by its days.
  const named = PERIODS.find((name) => name === period.name) ?? 'custom';
  const people = t('headline.people', {
    count: current.active_users,
    value: formats.count(current.active_users),
    period: t(`headline.period.${named}`, {
      from: formats.day(period.since),
      to: formats.day(new Date(Date.parse(period.until) - 1).toISOString()),
    }),
  });
  const cost =
    current.cost_usd === null
      ? t('headline.costUnknown')
      : t('headline.cost', { value: formats.money(current.cost_usd) });
  return (
    <p className="headline">
      <strong>{people}</strong>{' '}
      {previous && <>{changeText(current.active_users, previous.active_users)} </>}
      {cost} {failureText()}
    </p>
  );

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
    if (total.failed === 0) return t('headline.noFailures');
    const worst = worstModel(models);
    const told = worst ?? total;
    const figures = {
      rate: formats.percent(told.error_rate),
      failed: formats.count(told.failed),
    };
    return worst
      ? t('headline.worst', { model: worst.model, ...figures })
      : t('headline.noWorst', figures);
  }
}

/** The model that fails more often than all others together, beyond chance; null when none does. */
export function worstModel(models: readonly ModelRow[]): ModelRow | null {
  const failing = models.filter((model) => {
    const others = sumOfModels(models.filter((one) => one !== model));
    return isAbove(partOf(model), partOf(others));
  });
  return failing.reduce<ModelRow | null>(
    (worst, model) => ((model.error_rate ?? 0) > (worst?.error_rate ?? -1) ? model : worst),
    null,
  );
}

function partOf({ failed, served_turns }: ModelRow) {
  return { some: failed, all: served_turns };
}
