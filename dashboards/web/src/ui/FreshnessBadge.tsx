/** How old the numbers are, counted on between answers: green, amber, red. */

import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from './format';

export const AMBER_SECONDS = 120;
export const RED_SECONDS = 900;

export type Mood = 'fresh' | 'late' | 'stale' | 'unknown';

export function moodOf(ageSeconds: number | null): Mood {
  if (ageSeconds === null) return 'unknown';
  if (ageSeconds >= RED_SECONDS) return 'stale';
  return ageSeconds >= AMBER_SECONDS ? 'late' : 'fresh';
}

interface Props {
  readonly dataThrough: string | null;
  readonly tz: string | null;
  /** The API's clock. */
  readonly now: () => number;
  /** The last question got no answer: what stands on the page may be old. */
  readonly isCutOff: boolean;
}

export function FreshnessBadge({ dataThrough, tz, now, isCutOff }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  useSecondHand();
  const age = dataThrough ? Math.max(0, (now() - Date.parse(dataThrough)) / 1000) : null;
  const mood = moodOf(age);
  const shown = isCutOff && mood !== 'stale' ? 'late' : mood;
  const text =
    age === null ? t('freshness.unknown') : t('freshness.age', { age: formats.age(age) });
  return (
    <p
      className={`freshness ${shown}`}
      data-mood={shown}
      title={dataThrough ? t('freshness.through', { moment: formats.moment(dataThrough) }) : ''}
    >
      <i className="dot" aria-hidden="true" />
      <span>{isCutOff ? `${text} · ${t('freshness.cutOff')}` : text}</span>
      <span className="visually-hidden">{t(`freshness.mood.${shown}`)}</span>
    </p>
  );
}

/** Draws the age anew each second. */
function useSecondHand(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}
