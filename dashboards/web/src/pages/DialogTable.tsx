/** The latest dialogs: who, how much, how it ended. Their texts stay closed. */

import { useTranslation } from 'react-i18next';
import type { RecentDialog } from '../api/types';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import type { Order } from '../ui/order';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { nameOf, type People, PersonName } from './people';

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
      show: (dialog) => formats.moment(dialog.last_turn_at),
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
      show: (dialog) => <Status status={dialog.last_status} />,
    },
  ];
  if (!isShort) {
    columns.push(
      {
        key: 'chat_type',
        title: t('column.chat'),
        value: (dialog) => names.chatType(dialog.chat_type),
        isMinor: true,
      },
      {
        key: 'language',
        title: t('column.language'),
        value: (dialog) => dialog.language,
        show: (dialog) => names.language(dialog.language),
        isMinor: true,
      },
      {
        key: 'last_model',
        title: t('column.model'),
        value: (dialog) => dialog.last_model,
        show: (dialog) => <Clipped text={dialog.last_model ?? NONE} />,
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
        show: (dialog) => formats.money(dialog.cost_usd),
        isNumeric: true,
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

const STATUSES = ['answered', 'failed', 'cancelled', 'rejected', 'pending'] as const;

function Status({ status }: { readonly status: string }) {
  const { t } = useTranslation();
  const known = STATUSES.find((one) => one === status);
  return <span className={`status ${status}`}>{known ? t(`status.${known}`) : status}</span>;
}
