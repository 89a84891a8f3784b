/** The period that the view compares with, by name. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import { useView } from './useView';
import { COMPARISONS } from './view';

export function useComparedName(): string {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [{ compareWith }] = useView();
  const named = COMPARISONS.find((one) => one === compareWith);
  if (named) return t(`chart.previousNamed.${named}`);
  return t('chart.previousNamed.from', { day: formats.day(compareWith) });
}
