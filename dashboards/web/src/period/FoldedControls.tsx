/** Period, zone, comparison and filters; on phones they fold behind a button that says the choice. */

import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { useComparedName } from './useComparedName';
import { isMoment, type View } from './view';

interface Props {
  readonly view: View;
  /** The zone in which the page counts; null: not known yet, or no matter of choice. */
  readonly zone: string | null;
  readonly compares: boolean;
  readonly children: ReactNode;
}

export function FoldedControls({ view, zone, compares, children }: Props) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const formats = useFormats(zone);
  const compared = useComparedName('period.against');
  const { period, from, to, filters } = view;
  const spanOf = isMoment(from ?? '') ? formats.span : formats.days;
  const choice = [
    period === 'custom' && from && to ? spanOf(from, to) : t(`period.${period}`),
    filters.length > 0 && t('filter.count', { count: filters.length }),
    compares && view.compare && compared,
    zone,
  ]
    .filter(Boolean)
    .join(' · ');
  return (
    <div className={isOpen ? 'controls open' : 'controls'}>
      <button
        type="button"
        className="button controls-fold"
        aria-expanded={isOpen}
        aria-controls={id}
        aria-label={t('period.choice', { choice })}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="filter" />
        <span>{choice}</span>
        <Icon name="down" />
      </button>
      <div id={id} className="controls-body">
        {children}
      </div>
    </div>
  );
}
