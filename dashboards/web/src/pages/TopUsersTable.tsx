/** Who uses the bot most. */

import { useTranslation } from 'react-i18next';
import type { TopUser } from '../api/types';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { nameOf, type People, PersonName } from './people';

interface Props {
  readonly users: readonly TopUser[];
  readonly people: People;
  readonly tz: string;
  readonly isShort?: boolean;
}

export function TopUsersTable({ users, people, tz, isShort = false }: Props) {
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
    },
    {
      key: 'user_messages',
      title: t('column.messages'),
      value: (user) => user.user_messages,
      show: (user) => formats.count(user.user_messages),
      numeric: true,
    },
    {
      key: 'tokens',
      title: t('column.tokens'),
      value: (user) => user.tokens,
      show: (user) => formats.compact(user.tokens),
      numeric: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (user) => user.cost_usd,
      show: (user) => formats.money(user.cost_usd),
      numeric: true,
    },
    {
      key: 'last_turn_at',
      title: t('column.last'),
      value: (user) => user.last_turn_at,
      show: (user) => formats.moment(user.last_turn_at),
      numeric: true,
      minor: true,
    },
  ];
  const shown = isShort ? columns.slice(0, 4) : columns;
  return (
    <DataTable
      caption={t('users.top')}
      columns={shown}
      rows={users}
      keyOf={(user) => String(user.user_key)}
    />
  );
}
