/** API keys without their secrets. Those that are over come last and can only be read. */

import { useTranslation } from 'react-i18next';
import { useServices } from '../app/services';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import type { KeyView } from './questions';

interface Props {
  readonly keys: readonly KeyView[];
  readonly onRevoke: (id: number) => Promise<unknown>;
  /** Keys of several accounts. */
  readonly showsOwner?: boolean;
}

type KeyState = 'valid' | 'revoked' | 'expired';

export function KeyTable({ keys, onRevoke, showsOwner = false }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  if (keys.length === 0) return <p className="placeholder">{t('keys.none')}</p>;
  const stateOf = (key: KeyView): KeyState => {
    if (key.revoked_at) return 'revoked';
    return Date.parse(key.expires_at) <= api.now() ? 'expired' : 'valid';
  };
  const isOver = (key: KeyView) => stateOf(key) !== 'valid';
  const columns: Column<KeyView>[] = [
    {
      key: 'label',
      title: t('keys.label'),
      value: (key) => key.label,
      show: (key) => (
        <span className="named">
          <Clipped text={key.label} />
          <code>{key.beginning}…</code>
        </span>
      ),
      isHeader: true,
    },
    ...(showsOwner
      ? [
          {
            key: 'username',
            title: t('column.account'),
            value: (key: KeyView) => key.username,
          },
        ]
      : []),
    { key: 'scopes', title: t('account.permissions'), value: (key) => key.scopes.join(', ') },
    {
      key: 'last_used_at',
      title: t('column.lastUsed'),
      value: (key) => key.last_used_at,
      show: (key) => (key.last_used_at ? formats.moment(key.last_used_at) : NONE),
      isMinor: true,
    },
    {
      key: 'expires_at',
      title: t('column.ends'),
      value: (key) => key.expires_at,
      show: (key) => formats.moment(key.revoked_at ?? key.expires_at),
      isMinor: true,
    },
    {
      key: 'state',
      title: t('column.state'),
      value: stateOf,
      show: (key) => (
        <span className={`status ${isOver(key) ? 'cancelled' : 'answered'}`}>
          {t(`keys.state.${stateOf(key)}`)}
        </span>
      ),
    },
    {
      key: 'revoke',
      title: t('column.action'),
      value: () => null,
      show: (key) =>
        !isOver(key) && (
          <ConfirmButton
            label={t('keys.revoke')}
            of={key.label}
            question={t('keys.revokeQuestion')}
            onConfirm={() => onRevoke(key.id)}
          />
        ),
    },
  ];
  return (
    <DataTable
      caption={t('keys.title')}
      columns={columns}
      rows={[...keys].sort((one, other) => Number(isOver(one)) - Number(isOver(other)))}
      keyOf={(key) => String(key.id)}
    />
  );
}
