/** What a failed sign-in, registration or change of a password means, in words. */

import { useTranslation } from 'react-i18next';
import { ApiError, describe } from '../api/errors';
import type { Problems } from './CredentialsForm';
import type { FieldName, ProblemKey } from './registration';

/** Of a failure that is about no field. */
export function useExplanation(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (error instanceof ApiError) {
      if (error.code === 'wrong_invitation') return t('invitation.invalid');
      if (error.code === 'no_cookie') return t('session.noCookie');
      if (error.status === 401) return t('session.wrong');
      if (error.code === 'cross_origin') return t('session.crossOrigin');
      if (error.status === 429)
        return t('session.tooOften', { seconds: error.retryAfterSeconds ?? 60 });
    }
    const { key, requestId, scope } = describe(error);
    return t(`error.${key}`, { id: requestId ?? '', scope: scope ?? '' });
  };
}

/** Of the fields that are wrong. */
export function useProblemWords(): (
  found: Partial<Record<FieldName, ProblemKey | null>>,
) => Problems {
  const { t } = useTranslation();
  return (found) =>
    Object.fromEntries(
      Object.entries(found).flatMap(([name, problem]) =>
        problem ? [[name, t(`session.problem.${problem}`)]] : [],
      ),
    );
}
