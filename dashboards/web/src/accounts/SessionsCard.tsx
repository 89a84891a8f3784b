/** Where the account is signed in: end one session, or all of them. */

import { useTranslation } from 'react-i18next';
import { useServices } from '../app/services';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { browserName } from './browserName';
import { type SessionView, useAsked, useChange } from './questions';

export function SessionsCard() {
  const { t } = useTranslation();
  const { api } = useServices();
  const sessions = useAsked('/api/v1/auth/sessions');
  return (
    <Card
      title={t('sessions.title')}
      note={t('sessions.note')}
      actions={
        <ConfirmButton
          label={t('sessions.endAll')}
          question={t('sessions.endAllQuestion')}
          onConfirm={() => api.signOutEverywhere()}
        />
      }
    >
      <Loaded query={sessions} height={160}>
        {(answer) => <SessionTable sessions={answer.sessions} />}
      </Loaded>
    </Card>
  );
}

function SessionTable({ sessions }: { readonly sessions: readonly SessionView[] }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  const end = useChange((id: number) =>
    api.client.POST('/api/v1/auth/sessions/{session_id}/end', {
      params: { path: { session_id: id } },
    }),
  );
  const columns: Column<SessionView>[] = [
    {
      key: 'browser',
      title: t('column.browser'),
      value: (row) => row.user_agent,
      show: (row) => (
        <span className="named">
          <Clipped text={browserName(row.user_agent ?? '') || t('sessions.unknown')} />
          {row.is_current && <span className="tag">{t('sessions.current')}</span>}
        </span>
      ),
      isHeader: true,
    },
    { key: 'address', title: t('column.address'), value: (row) => row.address ?? NONE },
    {
      key: 'created_at',
      title: t('column.signedIn'),
      value: (row) => row.created_at,
      show: (row) => formats.moment(row.created_at),
    },
    {
      key: 'last_used_at',
      title: t('column.lastUsed'),
      value: (row) => row.last_used_at,
      show: (row) => (row.last_used_at ? formats.moment(row.last_used_at) : NONE),
      isMinor: true,
    },
    {
      key: 'expires_at',
      title: t('column.ends'),
      value: (row) => row.expires_at,
      show: (row) => formats.moment(row.expires_at),
      isMinor: true,
    },
    {
      key: 'end',
      title: t('column.action'),
      value: () => null,
      show: (row) =>
        !row.is_current && (
          <ConfirmButton
            label={t('sessions.end')}
            of={browserName(row.user_agent ?? '')}
            question={t('sessions.endQuestion')}
            onConfirm={() => end.mutateAsync(row.id)}
          />
        ),
    },
  ];
  return (
    <DataTable
      caption={t('sessions.title')}
      columns={columns}
      rows={sessions}
      keyOf={(row) => String(row.id)}
    />
  );
}
