/** What a stranger sees: signing in, or registering with the operator's token. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError, describe } from '../api/errors';
import { Preferences } from '../app/Preferences';
import { useServices } from '../app/services';
import { CredentialsForm, Field, textOf } from './CredentialsForm';

export function EntryPage() {
  const { t } = useTranslation();
  const [registers, setRegisters] = useState(false);
  return (
    <main className="entry">
      <div className="entry-card">
        <p className="brand big">
          <img src="/icon.svg" alt="" width="34" height="34" />
          Dialytics
        </p>
        <h1>{registers ? t('session.register') : t('session.signIn')}</h1>
        <p className="note">{t('session.lead')}</p>
        {registers ? <RegisterForm /> : <SignInForm />}
        <button type="button" className="link" onClick={() => setRegisters(!registers)}>
          {registers ? t('session.haveAccount') : t('session.noAccount')}
        </button>
      </div>
      <Preferences />
    </main>
  );
}

/** `username`: only this account may sign in here, because its page lies beneath. */
export function SignInForm({ username }: { readonly username?: string }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  return (
    <CredentialsForm
      action={t('session.signIn')}
      explain={explain}
      onSubmit={(fields) =>
        api.signIn({ username: textOf(fields, 'username'), password: textOf(fields, 'password') })
      }
    >
      <Field
        name="username"
        label={t('session.username')}
        autoComplete="username"
        {...(username ? { value: username } : { autoFocus: true })}
      />
      <Field
        name="password"
        label={t('session.password')}
        type="password"
        autoComplete="current-password"
        autoFocus={username !== undefined}
      />
    </CredentialsForm>
  );
}

function RegisterForm() {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const register = async (fields: FormData) => {
    const credentials = {
      username: textOf(fields, 'username'),
      password: textOf(fields, 'password'),
    };
    await api.register({ ...credentials, adminToken: textOf(fields, 'adminToken') });
    await api.signIn(credentials);
  };
  return (
    <CredentialsForm action={t('session.register')} explain={explain} onSubmit={register}>
      <Field name="username" label={t('session.username')} autoComplete="username" autoFocus />
      <Field
        name="password"
        label={t('session.password')}
        hint={t('session.passwordHint')}
        type="password"
        autoComplete="new-password"
        minLength={10}
      />
      <Field
        name="adminToken"
        label={t('session.adminToken')}
        hint={t('session.adminTokenHint')}
        type="password"
        autoComplete="off"
      />
    </CredentialsForm>
  );
}

/** What a failed sign-in or registration means. The API's own sentence names what it refuses. */
function useExplanation(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (!(error instanceof ApiError)) return t(`error.${describe(error).key}`);
    if (error.status === 401) return t('session.wrong');
    if (error.code === 'cross_origin') return t('session.crossOrigin');
    if (error.status === 403) return t('session.wrongToken');
    if (error.status === 429)
      return t('session.tooOften', { seconds: error.retryAfterSeconds ?? 60 });
    if (error.status < 500) return error.message;
    return t(`error.${describe(error).key}`);
  };
}
