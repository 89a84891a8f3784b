/** Changes the own password. All sessions end, and this one begins anew. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/errors';
import { useServices, useSession } from '../app/services';
import { CredentialsForm, Field, textOf } from '../session/CredentialsForm';
import { useExplanation, useProblemWords } from '../session/explanations';
import { passwordProblem, refusedFields } from '../session/registration';
import { usernameOf } from '../session/session';
import { Card } from '../ui/Card';
import { useChange } from './questions';

export function PasswordCard() {
  const { t } = useTranslation();
  const { api } = useServices();
  const username = usernameOf(useSession()) ?? '';
  const explain = useExplanation();
  const inWords = useProblemWords();
  const [changes, setChanges] = useState(0);
  const change = useChange((fields: FormData) =>
    api.changePassword(username, textOf(fields, 'current'), textOf(fields, 'password')),
  );
  return (
    <Card title={t('account.password')} note={t('account.passwordNote')}>
      <CredentialsForm
        // Empty again after each change.
        key={changes}
        action={t('account.changePassword')}
        check={(fields) => ({
          ...(textOf(fields, 'current') ? {} : { current: t('session.problem.empty') }),
          ...inWords({ password: passwordProblem(textOf(fields, 'password'), username) }),
        })}
        explain={(error) => {
          if (error instanceof ApiError && error.code === 'invalid_credentials') {
            return { current: t('account.wrongPassword') };
          }
          const found = inWords(refusedFields(error));
          return Object.keys(found).length > 0 ? found : { '': explain(error) };
        }}
        onSubmit={async (fields) => {
          await change.mutateAsync(fields);
          setChanges(changes + 1);
        }}
      >
        {(problems) => (
          <>
            {changes > 0 && <p role="status">{t('account.passwordChanged')}</p>}
            {/* Tells the browser's password manager whose password it is. */}
            <input
              className="visually-hidden"
              autoComplete="username"
              value={username}
              readOnly
              tabIndex={-1}
              aria-hidden="true"
            />
            <Field
              name="current"
              label={t('account.currentPassword')}
              type="password"
              autoComplete="current-password"
              problem={problems.current}
            />
            <Field
              name="password"
              label={t('reset.password')}
              hint={t('session.passwordHint')}
              type="password"
              autoComplete="new-password"
              problem={problems.password}
            />
          </>
        )}
      </CredentialsForm>
    </Card>
  );
}
