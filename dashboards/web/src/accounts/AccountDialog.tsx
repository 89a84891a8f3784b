/** What an administrator does with one account: scopes, a new password, sessions, disabling. */

import { Dialog } from 'radix-ui';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { present } from '../api/api';
import { useServices, useSession } from '../app/services';
import { CredentialsForm } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { usernameOf } from '../session/session';
import { ConfirmButton } from '../ui/ConfirmButton';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Shown } from '../ui/Shown';
import { AccountSessions } from './AccountSessions';
import { type AccountView, type Scope, useChange } from './questions';
import { ScopeChoice } from './ScopeChoice';

interface Props {
  readonly account: AccountView;
  readonly onClose: () => void;
}

export function AccountDialog({ account, onClose }: Props) {
  const { t } = useTranslation();
  const isOwn = usernameOf(useSession()) === account.username;
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal narrow" aria-describedby={undefined}>
          <div className="drawer-head">
            <Dialog.Title className="whole-name">{account.username}</Dialog.Title>
            <Dialog.Close className="button quiet square" aria-label={t('dialogs.close')}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <Scopes account={account} isOwn={isOwn} />
          {!account.disabled_at && <ResetLink account={account} />}
          {!account.disabled_at && <AccountSessions accountId={account.id} />}
          <Actions account={account} isOwn={isOwn} />
          <Link href={`/audit?who=${encodeURIComponent(account.username)}`} onClick={onClose}>
            {t('accounts.audit')}
          </Link>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface PartProps {
  readonly account: AccountView;
  readonly isOwn: boolean;
}

function Scopes({ account, isOwn }: PartProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const [saves, setSaves] = useState(0);
  const save = useChange((scopes: Scope[]) =>
    api.client.PUT('/api/v1/admin/accounts/{account_id}/scopes', {
      params: { path: { account_id: account.id } },
      body: { scopes },
    }),
  );
  return (
    <CredentialsForm
      key={saves}
      action={t('accounts.saveScopes')}
      check={() => ({})}
      explain={(error) => ({ '': explain(error) })}
      onSubmit={async (fields) => {
        await save.mutateAsync(fields.getAll('scopes') as Scope[]);
        // What an account may see itself is known from its session.
        if (isOwn) await api.resume();
        setSaves(saves + 1);
      }}
    >
      {() => (
        <>
          <ScopeChoice chosen={account.scopes} fixed={isOwn ? 'admin' : undefined} />
          {saves > 0 && <p role="status">{t('accounts.saved')}</p>}
        </>
      )}
    </CredentialsForm>
  );
}

function ResetLink({ account }: { readonly account: AccountView }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const formats = useFormats(null);
  const issue = useChange(async () => {
    const { data } = await api.client.POST('/api/v1/admin/accounts/{account_id}/reset', {
      params: { path: { account_id: account.id } },
    });
    return present(data);
  });
  if (issue.data) {
    const until = formats.time(issue.data.expires_at);
    return (
      <Shown
        label={t('accounts.resetLink')}
        value={issue.data.link}
        note={t('accounts.resetNote', { until })}
      />
    );
  }
  return (
    <div>
      <button type="button" className="button" onClick={() => issue.mutate()}>
        {t('accounts.reset')}
      </button>
      {issue.isError && (
        <p className="field-error" role="alert">
          {explain(issue.error)}
        </p>
      )}
    </div>
  );
}

function Actions({ account, isOwn }: PartProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const params = { path: { account_id: account.id } };
  const end = useChange(() =>
    api.client.POST('/api/v1/admin/accounts/{account_id}/sessions/end', { params }),
  );
  const disable = useChange(() =>
    api.client.POST('/api/v1/admin/accounts/{account_id}/disable', { params }),
  );
  const enable = useChange(() =>
    api.client.POST('/api/v1/admin/accounts/{account_id}/enable', { params }),
  );
  if (isOwn) return <p className="note">{t('accounts.own')}</p>;
  return (
    <div className="actions">
      <ConfirmButton
        label={t('accounts.endSessions')}
        question={t('accounts.endSessionsQuestion')}
        onConfirm={() => end.mutateAsync()}
      />
      {account.disabled_at ? (
        <ConfirmButton
          label={t('accounts.enable')}
          question={t('accounts.enableQuestion')}
          onConfirm={() => enable.mutateAsync()}
        />
      ) : (
        <ConfirmButton
          label={t('accounts.disable')}
          question={t('accounts.disableQuestion')}
          onConfirm={() => disable.mutateAsync()}
        />
      )}
    </div>
  );
}
