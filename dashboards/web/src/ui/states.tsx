/** What stands where numbers will be, cannot be, or are not: loading, error, empty. */

import { createContext, useContext } from 'react';
import { useTranslation } from 'react-i18next';
import { describe } from '../api/errors';
import { Icon } from './Icon';

/** Takes exactly the room of what it stands for, so that nothing jumps. */
export function Skeleton({ height }: { readonly height: number | string }) {
  const { t } = useTranslation();
  return (
    <div className="skeleton" style={{ height }}>
      <span className="visually-hidden">{t('state.loading')}</span>
    </div>
  );
}

/** Whether there are any data at all; false: a longer period would not help. */
export const HasData = createContext(true);

interface EmptyProps {
  readonly height?: number | string;
  readonly text?: string;
  /** Nothing is as it should be: there is nothing to look for in a longer period. */
  readonly isGood?: boolean;
}

export function Empty({ height, text, isGood = false }: EmptyProps) {
  const { t } = useTranslation();
  const hasData = useContext(HasData);
  return (
    <div className="placeholder" style={{ minHeight: height }}>
      <p>{hasData ? (text ?? t('state.empty')) : t('state.noneEver')}</p>
      {!(isGood && hasData) && (
        <p className="note">{t(hasData ? 'state.emptyAdvice' : 'state.noneEverAdvice')}</p>
      )}
    </div>
  );
}

/** Nothing was published yet: the page asks again by itself. */
export function Counting({ height }: { readonly height: number | string | undefined }) {
  const { t } = useTranslation();
  return (
    <div className="placeholder" role="status" style={{ minHeight: height }}>
      <p>{t('error.counting')}</p>
      <p className="note">{t('state.goesOn')}</p>
    </div>
  );
}

interface FailureProps {
  readonly error: unknown;
  readonly onRetry: () => void;
  readonly height?: number | string;
}

export function Failure({ error, onRetry, height }: FailureProps) {
  const { t } = useTranslation();
  const { key, requestId, scope } = describe(error);
  if (key === 'counting') return <Counting height={height} />;
  return (
    <div className="placeholder" role="alert" style={{ minHeight: height }}>
      <Icon name="alert" />
      <p>{t(`error.${key}`, { scope, id: requestId ?? '' })}</p>
      {requestId && key !== 'unknown' && (
        <p className="note">{t('error.requestId', { id: requestId })}</p>
      )}
      <button type="button" className="button" onClick={onRetry}>
        {t('state.retry')}
      </button>
    </div>
  );
}
