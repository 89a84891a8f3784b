/** Sets a new password with the token of a link. The token is in no address after the page opened. */

import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { ApiError } from '../api/errors';
import { Preferences } from '../app/Preferences';
import { useServices } from '../app/services';
import { useTitle } from '../app/useTitle';
import { CredentialsForm, Field, textOf } from './CredentialsForm';
import { useExplanation, useProblemWords } from './explanations';
import { passwordProblem, refusedFields } from './registration';

export default function ResetPage() {
  const { t } = useTranslation();
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get('token') ?? '');
  const [isDone, setDone] = useState(false);
  const title = t('reset.title');
  useTitle(title);
  // Neither the history nor a picture of the window keeps it.
  useEffect(() => history.replaceState(history.state, '', location.pathname), []);
  return (
    <main className="entry">
      <div className="entry-card">
        <p className="brand big">
          <img src="/icon.svg" alt="" width="34" height="34" />
          Dialytics
        </p>
        <h1>{title}</h1>
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
      </div>
      <Preferences />
    </main>
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
