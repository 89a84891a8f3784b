/** The latest dialogs: who, how much, how it ended. Their texts stay closed. */

import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { RecentDialog } from '../api/types';
import { Pick } from '../filters/Pick';
import { useLinks } from '../filters/useFilters';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import type { Order } from '../ui/order';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { nameOf, type People, PersonName } from './people';
import { Status } from './Status';

interface Props {
  readonly dialogs: readonly RecentDialog[];
  readonly people: People;
  readonly tz: string;
  readonly isShort?: boolean;
  /** Present where the API sorts: these dialogs are not all. */
  readonly sorting?: { readonly order: Order; readonly onOrder: (order: Order) => void };
  /** Present only for those who may read texts. */
  readonly onRead?: ((dialog: RecentDialog) => void) | undefined;
}

export function DialogTable({ dialogs, people, tz, isShort = false, sorting, onRead }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const names = useCodeNames();
  const links = useLinks();
  if (dialogs.length === 0) return <Empty />;
  const columns: Column<RecentDialog>[] = [
    {
      key: 'person',
      title: t('column.person'),
      value: (dialog) => nameOf(people, dialog.user_key),
      show: (dialog) => (
        <>
          <PersonName people={people} userKey={dialog.user_key} isShort={isShort} />
          {dialog.users > 1 && (
            <span className="note"> {t('dialogs.others', { count: dialog.users - 1 })}</span>
          )}
        </>
      ),
      isHeader: true,
      sorts: false,
    },
    {
      key: 'last_turn_at',
      title: t('column.last'),
      value: (dialog) => dialog.last_turn_at,
      show: (dialog) => (
        <Link
          className="count-link"
          href={links.dialog(dialog.dialog_id)}
          title={t('dialogs.openOf', { name: nameOf(people, dialog.user_key) })}
        >
          {formats.moment(dialog.last_turn_at)}
        </Link>
      ),
      isNumeric: true,
    },
    {
      key: 'user_messages',
      title: t('column.messages'),
      value: (dialog) => dialog.user_messages,
      show: (dialog) => formats.count(dialog.user_messages),
      isNumeric: true,
    },
    {
      key: 'last_status',
      title: t('column.ended'),
      value: (dialog) => dialog.last_status,
      show: (dialog) => (
        <Pick dimension="status" value={dialog.last_status}>
          <Status status={dialog.last_status} />
        </Pick>
      ),
    },
  ];
  if (!isShort) {
    columns.push(
      {
        key: 'chat_type',
        title: t('column.chat'),
        value: (dialog) => names.chatType(dialog.chat_type),
        show: (dialog) => (
          <Pick dimension="chat_type" value={dialog.chat_type}>
            {names.chatType(dialog.chat_type)}
          </Pick>
        ),
        isMinor: true,
      },
      {
        key: 'language',
        title: t('column.language'),
        value: (dialog) => dialog.language,
        show: (dialog) => (
          <Pick dimension="language" value={dialog.language ?? ''}>
            {names.language(dialog.language)}
          </Pick>
        ),
        isMinor: true,
      },
      {
        key: 'last_model',
        title: t('column.model'),
        value: (dialog) => dialog.last_model,
        show: (dialog) => (
          <Pick dimension="model" value={dialog.last_model ?? ''}>
            {dialog.last_model ?? NONE}
          </Pick>
        ),
        isMinor: true,
      },
      {
        key: 'tokens',
        title: t('column.tokens'),
        value: (dialog) => dialog.tokens,
        show: (dialog) => formats.compact(dialog.tokens),
        isNumeric: true,
        isMinor: true,
      },
      {
        key: 'cost_usd',
        title: t('column.cost'),
        value: (dialog) => dialog.cost_usd,
        isMoney: true,
      },
    );
  }
  if (onRead) {
    columns.push({
      key: 'read',
      title: t('column.text'),
      value: () => null,
      sorts: false,
      show: (dialog) => (
        <button
          type="button"
          className="button quiet"
          aria-label={t('dialogs.readOf', { name: nameOf(people, dialog.user_key) })}
          onClick={() => onRead(dialog)}
        >
          {t('dialogs.read')}
        </button>
      ),
    });
  }
  return (
    <DataTable
      caption={sorting ? t('dialogs.all') : t('dialogs.recent')}
      columns={columns}
      rows={dialogs}
      keyOf={(dialog) => dialog.dialog_id}
      {...(sorting ? { sorting: { ...sorting, isDone: true } } : {})}
    />
  );
}
