/** Sets a new password with the token of a link. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { ApiError } from '../api/errors';
import { useServices } from '../app/services';
import { CredentialsForm, Field, textOf } from './CredentialsForm';
import { useExplanation, useProblemWords } from './explanations';
import { LinkPage } from './LinkPage';
import { passwordProblem, refusedFields } from './registration';
import { useLinkSecret } from './useLinkSecret';

export default function ResetPage() {
  const { t } = useTranslation();
  const token = useLinkSecret('token');
  const [isDone, setDone] = useState(false);
  return (
    <LinkPage title={t('reset.title')}>
      {isDone ? (
        <p role="status">{t('reset.done')}</p>
      ) : token ? (
        <NewPassword token={token} onDone={() => setDone(true)} />
      ) : (
        <p>{t('reset.invalid')}</p>
      )}
      {(isDone || !token) && (
        <Link href="/" className="button primary">
          {t('session.signIn')}
        </Link>
      )}
    </LinkPage>
  );
}

interface Props {
  readonly token: string;
  readonly onDone: () => void;
}

function NewPassword({ token, onDone }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const inWords = useProblemWords();
  return (
    <>
      <p className="note">{t('reset.lead')}</p>
      <CredentialsForm
        action={t('reset.action')}
        check={(fields) => inWords({ password: passwordProblem(textOf(fields, 'password'), '') })}
        explain={(error) => {
          if (error instanceof ApiError && error.code === 'reset_invalid') {
            return { '': t('reset.invalid') };
          }
          const found = inWords(refusedFields(error));
          return Object.keys(found).length > 0 ? found : { '': explain(error) };
        }}
        onSubmit={async (fields) => {
          await api.resetPassword(token, textOf(fields, 'password'));
          onDone();
        }}
      >
        {(problems) => (
          <Field
            name="password"
            label={t('reset.password')}
            hint={t('session.passwordHint')}
            type="password"
            autoComplete="new-password"
            problem={problems.password}
            autoFocus
          />
        )}
      </CredentialsForm>
    </>
  );
}
