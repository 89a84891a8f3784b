/** Invitations to the dashboard and to the bot: make one, which is shown once, and revoke. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import { useServices } from '../app/services';
import { CredentialsForm, Field, textOf } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Loaded } from '../ui/Loaded';
import { Segmented } from '../ui/Segmented';
import { Shown } from '../ui/Shown';
import { MakerDialog } from './MakerDialog';
import {
  type InvitationPage,
  type InvitationView,
  type NewInvitation,
  type Scope,
  useAsked,
  useChange,
} from './questions';
import { ScopeChoice } from './ScopeChoice';

const LIFETIME_HOURS = [24, 168, 720, 8760];

export function InvitationsCard() {
  const { t } = useTranslation();
  const invitations = useAsked('/api/v1/admin/invitations');
  const [isMaking, setMaking] = useState(false);
  return (
    <Card
      title={t('invitations.title')}
      note={t('invitations.note')}
      actions={
        <button type="button" className="button" onClick={() => setMaking(true)}>
          {t('invitations.make')}
        </button>
      }
    >
      <Loaded query={invitations} height={140}>
        {(answer) => (
          <>
            <NotInviting bots={answer.not_inviting} />
            <InvitationTable invitations={answer.invitations} />
          </>
        )}
      </Loaded>
      {isMaking && <InvitationMaker onClose={() => setMaking(false)} />}
    </Card>
  );
}

interface NotInvitingProps {
  readonly bots: InvitationPage['not_inviting'];
}

/** Which bots an invitation changes nothing in. */
function NotInviting({ bots }: NotInvitingProps) {
  const { t } = useTranslation();
  return bots.map(({ username, access_mode }) => (
    <p key={username} className="notice">
      <Icon name="alert" />
      <span>
        {t(`invitations.noEffect.${access_mode === 'open' ? 'open' : 'list'}`, {
          bot: `@${username}`,
        })}
      </span>
    </p>
  ));
}

function InvitationTable({ invitations }: { readonly invitations: readonly InvitationView[] }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  const revoke = useChange((id: number) =>
    api.client.POST('/api/v1/admin/invitations/{invitation_id}/revoke', {
      params: { path: { invitation_id: id } },
    }),
  );
  if (invitations.length === 0) return <p className="placeholder">{t('invitations.none')}</p>;
  const columns: Column<InvitationView>[] = [
    {
      key: 'label',
      title: t('keys.label'),
      value: (row) => row.label,
      show: (row) => (
        <span className="named">
          <Clipped text={row.label} />
          <code>{row.beginning}…</code>
        </span>
      ),
      isHeader: true,
    },
    { key: 'kind', title: t('invitations.to'), value: (row) => t(`invitations.kind.${row.kind}`) },
    {
      key: 'scopes',
      title: t('account.permissions'),
      value: (row) => row.scopes.join(', ') || NONE,
      isMinor: true,
    },
    {
      key: 'uses',
      title: t('invitations.uses'),
      value: (row) => row.uses,
      show: (row) => t('users.step', { users: row.uses, eligible: row.max_uses }),
    },
    {
      key: 'expires_at',
      title: t('column.ends'),
      value: (row) => row.expires_at,
      show: (row) => formats.moment(row.revoked_at ?? row.expires_at),
      isMinor: true,
    },
    {
      key: 'state',
      title: t('column.state'),
      value: (row) => row.state,
      show: (row) => (
        <span className={`status ${row.state === 'valid' ? 'answered' : 'cancelled'}`}>
          {t(`invitations.state.${row.state}`)}
        </span>
      ),
    },
    {
      key: 'revoke',
      title: t('column.action'),
      value: () => null,
      show: (row) =>
        row.state === 'valid' && (
          <ConfirmButton
            label={t('keys.revoke')}
            of={row.label}
            question={t('invitations.revokeQuestion')}
            onConfirm={() => revoke.mutateAsync(row.id)}
          />
        ),
    },
  ];
  return (
    <DataTable
      caption={t('invitations.title')}
      columns={columns}
      rows={invitations}
      keyOf={(row) => String(row.id)}
    />
  );
}

function InvitationMaker({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewInvitation | null>(null);
  return (
    <MakerDialog
      title={made ? made.label : t('invitations.make')}
      isShown={made !== null}
      onClose={onClose}
    >
      {!made && <InvitationForm onMade={setMade} />}
      {made && <NotInviting bots={made.not_inviting} />}
      {made?.kind === 'account' && (
        <Shown
          label={t('invitations.link')}
          value={`${location.origin}/register#invitation=${made.code}`}
          note={t('keys.shownOnce')}
        />
      )}
      {made?.links.map((link) => (
        <Shown key={link} label={t('invitations.link')} value={link} note={t('keys.shownOnce')} />
      ))}
      {made?.kind === 'bot' && (
        <Shown
          label={t('invitations.command')}
          value={`/start ${made.code}`}
          note={t('keys.shownOnce')}
        />
      )}
    </MakerDialog>
  );
}

function InvitationForm({ onMade }: { readonly onMade: (made: NewInvitation) => void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const [kind, setKind] = useState<'account' | 'bot'>('account');
  const make = useChange(async (fields: FormData) => {
    const body = {
      kind,
      label: textOf(fields, 'label').trim(),
      max_uses: Number(textOf(fields, 'uses')),
      expires_in_hours: Number(textOf(fields, 'hours')),
      ...(kind === 'account' ? { scopes: fields.getAll('scopes') as Scope[] } : {}),
    };
    return present((await api.client.POST('/api/v1/admin/invitations', { body })).data);
  });
  return (
    <CredentialsForm
      action={t('invitations.create')}
      check={(fields) => ({
        ...(textOf(fields, 'label').trim() ? {} : { label: t('session.problem.empty') }),
        ...(/^[1-9]\d{0,3}$/.test(textOf(fields, 'uses'))
          ? {}
          : { uses: t('invitations.usesProblem') }),
      })}
      explain={(error) => ({ '': explain(error) })}
      onSubmit={async (fields) => onMade(await make.mutateAsync(fields))}
    >
      {(problems) => (
        <>
          <Segmented
            label={t('invitations.to')}
            value={kind}
            options={(['account', 'bot'] as const).map((value) => ({
              value,
              label: t(`invitations.kind.${value}`),
            }))}
            onChange={setKind}
          />
          <Field
            name="label"
            label={t('keys.label')}
            hint={t('invitations.labelHint')}
            problem={problems.label}
            autoComplete="off"
            maxLength={64}
            autoFocus
          />
          <Field
            name="uses"
            label={t('invitations.maxUses')}
            initial="1"
            problem={problems.uses}
            autoComplete="off"
            maxLength={4}
          />
          {kind === 'account' && <ScopeChoice chosen={['stats:read']} />}
          <label className="field">
            <span className="field-name">{t('keys.lifetime')}</span>
            <select name="hours" defaultValue={168}>
              {LIFETIME_HOURS.map((hours) => (
                <option key={hours} value={hours}>
                  {t('keys.days', { count: hours / 24 })}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
    </CredentialsForm>
  );
}
