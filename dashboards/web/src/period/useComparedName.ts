/** The period that the view compares with, by name. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import { useView } from './useView';
import { COMPARISONS } from './view';

/** In a legend, in a sentence, or beside the period. */
export function useComparedName(
  texts: 'chart.previousNamed' | 'headline.then' | 'period.against' = 'chart.previousNamed',
): string {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [{ compareWith }] = useView();
  const named = COMPARISONS.find((one) => one === compareWith);
  if (named) return t(`${texts}.${named}`);
  return t(`${texts}.from`, { day: formats.day(compareWith) });
}
