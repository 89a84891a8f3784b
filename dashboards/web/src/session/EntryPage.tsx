/** What a stranger sees: signing in, or registering with the operator's token. */

import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Preferences } from '../app/Preferences';
import { useServices } from '../app/services';
import { useTitle } from '../app/useTitle';
import { CredentialsForm, Field, type Problems, textOf } from './CredentialsForm';
import { useExplanation, useProblemWords } from './explanations';
import { checkRegistration, type FieldName, refusedFields } from './registration';

/** What was typed, by field: it stays when the other form is opened. */
type Typed = Partial<Record<FieldName, string>>;

export function EntryPage() {
  const { t } = useTranslation();
  const [registers, setRegisters] = useState(false);
  const typed = useRef<Typed>({});
  const title = registers ? t('session.registerTitle') : t('session.signInTitle');
  useTitle(title);
  return (
    <main className="entry">
      <div className="entry-card">
        <p className="brand big">
          <img src="/icon.svg" alt="" width="34" height="34" />
          Dialytics
        </p>
        <h1>{title}</h1>
        <p className="note">{t('session.lead')}</p>
        {registers ? <RegisterForm typed={typed.current} /> : <SignInForm typed={typed.current} />}
        <button type="button" className="link" onClick={() => setRegisters(!registers)}>
          {registers ? t('session.haveAccount') : t('session.noAccount')}
        </button>
      </div>
      <Preferences />
    </main>
  );
}

interface SignInProps {
  /** Only this account may sign in here, because its page lies beneath. */
  readonly username?: string;
  readonly typed?: Typed;
}

export function SignInForm({ username, typed = {} }: SignInProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const check = (fields: FormData): Problems =>
    Object.fromEntries(
      ['username', 'password'].flatMap((name) =>
        textOf(fields, name) ? [] : [[name, t('session.problem.empty')]],
      ),
    );
  return (
    <CredentialsForm
      action={t('session.signIn')}
      check={check}
      explain={(error) => ({ '': explain(error) })}
      onSubmit={(fields) =>
        api.signIn({ username: textOf(fields, 'username'), password: textOf(fields, 'password') })
      }
    >
      {(problems) => (
        <>
          <Field
            name="username"
            label={t('session.username')}
            autoComplete="username"
            problem={problems.username}
            {...(username
              ? { initial: username, isFixed: true }
              : { ...keeping(typed, 'username'), autoFocus: true })}
          />
          <Field
            name="password"
            label={t('session.password')}
            type="password"
            autoComplete="current-password"
            problem={problems.password}
            autoFocus={username !== undefined}
            {...keeping(typed, 'password')}
          />
        </>
      )}
    </CredentialsForm>
  );
}

interface RegisterProps {
  readonly typed: Typed;
  /** The code of an invitation, in place of the registration token. */
  readonly invitation?: string;
  readonly onDone?: () => void;
}

export function RegisterForm({ typed, invitation, onDone }: RegisterProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const inWords = useProblemWords();
  const register = async (fields: FormData) => {
    const registration = read(fields);
    await api.register({ ...registration, ...(invitation ? { invitation } : {}) });
    await api.signIn(registration);
    onDone?.();
  };
  return (
    <CredentialsForm
      action={t('session.register')}
      check={(fields) => {
        const { adminToken, ...others } = checkRegistration(read(fields));
        return inWords(invitation ? others : { ...others, ...(adminToken && { adminToken }) });
      }}
      explain={(error) => {
        const found = inWords(refusedFields(error));
        return Object.keys(found).length > 0 ? found : { '': explain(error) };
      }}
      onSubmit={register}
    >
      {(problems) => (
        <>
          <Field
            name="username"
            label={t('session.username')}
            hint={t('session.usernameHint')}
            autoComplete="username"
            problem={problems.username}
            autoFocus
            {...keeping(typed, 'username')}
          />
          <Field
            name="password"
            label={t('session.password')}
            hint={t('session.passwordHint')}
            type="password"
            autoComplete="new-password"
            problem={problems.password}
            {...keeping(typed, 'password')}
          />
          {!invitation && (
            <Field
              name="adminToken"
              label={t('session.adminToken')}
              hint={t('session.adminTokenHint')}
              type="password"
              autoComplete="off"
              problem={problems.adminToken}
              {...keeping(typed, 'adminToken')}
            />
          )}
        </>
      )}
    </CredentialsForm>
  );
}

function read(fields: FormData): Record<FieldName, string> {
  return {
    username: textOf(fields, 'username'),
    password: textOf(fields, 'password'),
    adminToken: textOf(fields, 'adminToken'),
  };
}

/** A field that begins with what was typed before, and notes what is typed now. */
function keeping(typed: Typed, name: FieldName) {
  return {
    initial: typed[name] ?? '',
    onInput: (value: string) => {
      typed[name] = value;
    },
  };
}
