/** The period in words: how many people, more or fewer, what it cost, which model fails most. */

import { useTranslation } from 'react-i18next';
import type { Dashboard, ModelRow } from '../api/types';
import { PERIODS } from '../period/view';
import { useFormats } from '../ui/format';

interface Props {
  readonly dashboard: Dashboard | undefined;
  readonly models: readonly ModelRow[] | undefined;
}

export function Headline({ dashboard, models }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(dashboard?.period.tz ?? null);
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
    if (before === 0) return t('headline.noneBefore');
    if (now === before) return t('headline.same', { value });
    const change = formats.percent(Math.abs(now / before - 1));
    return now > before
      ? t('headline.more', { change, value })
      : t('headline.fewer', { change, value });
  }

  function failureText(): string {
    if (!models) return '';
    const worst = worstModel(models);
    if (!worst) return t('headline.noFailures');
    return t('headline.worst', {
      model: worst.model,
      rate: formats.percent(worst.error_rate),
      failed: formats.count(worst.failed),
    });
  }
}

/** The model with the greatest share of failed turns; null when none fails. */
export function worstModel(models: readonly ModelRow[]): ModelRow | null {
  const failing = models.filter((model) => model.failed > 0);
  return failing.reduce<ModelRow | null>(
    (worst, model) => ((model.error_rate ?? 0) > (worst?.error_rate ?? -1) ? model : worst),
    null,
  );
}
