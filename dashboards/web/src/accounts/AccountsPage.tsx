/** For administrators: all accounts with what they may see, and all API keys. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices, useSession } from '../app/services';
import { usernameOf } from '../session/session';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import type { Order } from '../ui/order';
import { AccountDialog } from './AccountDialog';
import { InvitationsCard } from './InvitationsCard';
import { KeyTable } from './KeyTable';
import { PlainPage } from './PlainPage';
import { type AccountView, useAsked, useChange } from './questions';
import { RulesCard } from './RulesCard';

export default function AccountsPage() {
  const { t } = useTranslation();
  const { api } = useServices();
  const accounts = useAsked('/api/v1/admin/accounts');
  const keys = useAsked('/api/v1/admin/keys');
  const [openId, setOpenId] = useState<number | null>(null);
  const revoke = useChange((id: number) =>
    api.client.POST('/api/v1/admin/keys/{key_id}/revoke', { params: { path: { key_id: id } } }),
  );
  const opened = accounts.data?.accounts.find((account) => account.id === openId);
  return (
    <PlainPage title={t('nav.accounts')}>
      <Card title={t('accounts.all')} note={t('accounts.note')}>
        <Loaded query={accounts} height={240}>
          {(answer) => <AccountTable accounts={answer.accounts} onOpen={setOpenId} />}
        </Loaded>
      </Card>
      <InvitationsCard />
      <RulesCard />
      <Card title={t('accounts.keys')} note={t('accounts.keysNote')}>
        <Loaded query={keys} height={140}>
          {(answer) => <KeyTable keys={answer.keys} onRevoke={revoke.mutateAsync} showsOwner />}
        </Loaded>
      </Card>
      {opened && <AccountDialog account={opened} onClose={() => setOpenId(null)} />}
    </PlainPage>
  );
}

interface TableProps {
  readonly accounts: readonly AccountView[];
  readonly onOpen: (id: number) => void;
}

function AccountTable({ accounts, onOpen }: TableProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const username = usernameOf(useSession());
  const [order, setOrder] = useState<Order | null>({ key: 'username', isDescending: false });
  const columns: Column<AccountView>[] = [
    {
      key: 'username',
      title: t('column.account'),
      value: (row) => row.username,
      show: (row) => (
        <span className="named">
          <Clipped text={row.username} />
          {row.username === username && <span className="tag">{t('accounts.you')}</span>}
        </span>
      ),
      isHeader: true,
    },
    {
      key: 'state',
      title: t('column.state'),
      value: (row) => row.disabled_at,
      show: (row) => (
        <span className={`status ${row.disabled_at ? 'cancelled' : 'answered'}`}>
          {row.disabled_at ? t('accounts.disabled') : t('accounts.active')}
        </span>
      ),
    },
    {
      key: 'scopes',
      title: t('account.permissions'),
      value: (row) => row.scopes.join(', ') || NONE,
      sorts: false,
    },
    {
      key: 'created_at',
      title: t('column.registered'),
      value: (row) => row.created_at,
      show: (row) => formats.moment(row.created_at),
      isMinor: true,
    },
    {
      key: 'open',
      title: t('column.action'),
      value: () => null,
      show: (row) => (
        <button
          type="button"
          className="button small"
          aria-label={t('accounts.manageOf', { name: row.username })}
          onClick={() => onOpen(row.id)}
        >
          {t('accounts.manage')}
        </button>
      ),
      sorts: false,
    },
  ];
  return (
    <DataTable
      caption={t('accounts.all')}
      columns={columns}
      rows={accounts}
      keyOf={(row) => String(row.id)}
      sorting={{ order, onOrder: setOrder }}
    />
  );
}
