/** Who uses the bot most. */

import { useTranslation } from 'react-i18next';
import type { TopUser } from '../api/types';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import type { Order } from '../ui/order';
import { Empty } from '../ui/states';
import { nameOf, type People, PersonName } from './people';

interface Props {
  readonly users: readonly TopUser[];
  readonly people: People;
  readonly tz: string;
  readonly isShort?: boolean;
  /** Present where a column can be chosen: the API finds its top users. */
  readonly sorting?: { readonly order: Order; readonly onOrder: (order: Order) => void };
}

export function TopUsersTable({ users, people, tz, isShort = false, sorting }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  if (users.length === 0) return <Empty />;
  const columns: Column<TopUser>[] = [
    {
      key: 'person',
      title: t('column.person'),
      value: (user) => nameOf(people, user.user_key),
      show: (user) => <PersonName people={people} userKey={user.user_key} isShort={isShort} />,
      isHeader: true,
      sorts: false,
    },
    {
      key: 'user_messages',
      title: t('column.messages'),
      value: (user) => user.user_messages,
      show: (user) => formats.count(user.user_messages),
      isNumeric: true,
    },
    {
      key: 'tokens',
      title: t('column.tokens'),
      value: (user) => user.tokens,
      show: (user) => formats.compact(user.tokens),
      isNumeric: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (user) => user.cost_usd,
      isMoney: true,
    },
    {
      key: 'last_turn_at',
      title: t('column.last'),
      value: (user) => user.last_turn_at,
      show: (user) => formats.moment(user.last_turn_at),
      isNumeric: true,
      isMinor: true,
      sorts: false,
    },
  ];
  const shown = isShort ? columns.slice(0, 4) : columns;
  return (
    <DataTable
      caption={t('users.top')}
      columns={shown}
      rows={users}
      keyOf={(user) => String(user.user_key)}
      {...(sorting ? { sorting: { ...sorting, isDone: true } } : {})}
    />
  );
}
