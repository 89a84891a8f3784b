/** Filters and their values in the language of the reader. */

import { useTranslation } from 'react-i18next';
import { useCodeNames } from '../pages/codes';
import { type Dimension, type Filter, STATUSES } from './filters';

interface FilterNames {
  dimension(dimension: Dimension): string;
  value(dimension: Dimension, value: string): string;
  /** Like `Model is vendor/small`. */
  filter(filter: Filter): string;
}

export function useFilterNames(): FilterNames {
  const { t } = useTranslation();
  const codes = useCodeNames();
  const dimension = (name: Dimension) => t(`filter.dimension.${name}`);
  const value = (name: Dimension, text: string): string => {
    const status = STATUSES.find((one) => one === text);
    if (name === 'model' || name === 'model_asked') return text || t('models.none');
    if (name === 'source') return text || t('users.direct');
    if (name === 'language') return text ? codes.language(text) : t('filter.unknown');
    if (name === 'chat_type') return codes.chatType(text);
    if (name === 'cause' || name === 'fallback_cause') {
      return text ? codes.cause(text) : t('filter.none');
    }
    if (name === 'status') return status ? t(`status.${status}`) : text;
    if (name === 'person') return `#${text}`;
    return name === 'dialog' ? text.slice(0, 8) : text;
  };
  return {
    dimension,
    value,
    filter: ({ operator, dimension: name, values }) =>
      [
        dimension(name),
        t(`filter.operator.${operator}`),
        values.map((one) => value(name, one)).join(', '),
      ].join(' '),
  };
}
