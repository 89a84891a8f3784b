/** Says which part of the address was not understood, and what is shown instead. */

import { useTranslation } from 'react-i18next';
import { useSearch } from 'wouter';
import { Icon } from '../ui/Icon';
import { isMoment, type LinkProblem, linkProblems, type View } from './view';

interface Props {
  readonly view: View;
  /** Writes the view that is shown into the address. */
  readonly onDismiss: () => void;
}

export function LinkNotice({ view, onDismiss }: Props) {
  const { t } = useTranslation();
  const link = new URLSearchParams(useSearch());
  const problems = linkProblems(link);
  const hasTimes = isMoment(link.get('from') ?? '');
  if (problems.length === 0) return null;
  const textOf = (problem: LinkProblem) => {
    if (problem.part === 'range') {
      const why = hasTimes ? 'period.problemOfTimes' : 'period.problem';
      return t('link.range', { why: t(`${why}.${problem.problem}`) });
    }
    return t(`link.${problem.part}`, { value: problem.value.slice(0, 60) });
  };
  const isOfPeriod = problems.some(({ part }) => part === 'period' || part === 'range');
  return (
    <div className="notice link-notice" role="alert">
      <Icon name="alert" />
      <p>
        {problems.map(textOf).join(' ')}{' '}
        {isOfPeriod && t('link.shown', { period: t(`period.${view.period}`) })}
      </p>
      <button type="button" className="button quiet" onClick={onDismiss}>
        {t('link.dismiss')}
      </button>
    </div>
  );
}
