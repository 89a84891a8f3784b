/** All dialogs of the period, page by page, in the order of any column. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecentDialog } from '../api/types';
import { REFRESH_MILLISECONDS, useReport } from '../api/useReport';
import { useScope, useServices } from '../app/services';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { MoreButton } from '../ui/MoreButton';
import { type Order, writeOrder } from '../ui/order';
import { Failure, Skeleton } from '../ui/states';
import { DialogReader } from './DialogReader';
import { DialogTable } from './DialogTable';
import { useFile } from './files';
import { PageFrame } from './PageFrame';
import { nameOf, type People } from './people';
import { usePageQuery } from './usePageQuery';

const PATH = '/api/v1/stats/dialogs';
const HEIGHT = 640;
/** The columns that the API sorts by; names are not known to it. */
const COLUMNS = [
  'last_turn_at',
  'user_messages',
  'last_status',
  'chat_type',
  'language',
  'last_model',
  'tokens',
  'cost_usd',
];
const NEWEST_FIRST: Order = { key: 'last_turn_at', isDescending: true };

export default function DialogsPage() {
  const { t } = useTranslation();
  const file = useFile();
  const { api } = useServices();
  const [, query] = usePageQuery();
  const [kept, onOrder] = useOrder('dialogs', COLUMNS);
  const order = kept ?? NEWEST_FIRST;
  const sort = writeOrder(order);
  const mayRead = useScope('texts:read');
  const [opened, setOpened] = useState<RecentDialog | null>(null);
  const main = useReport('/api/v1/stats/summary', query);
  const pages = useInfiniteQuery({
    queryKey: [PATH, 'pages', query, sort],
    queryFn: ({ pageParam, signal }) =>
      api.report(
        PATH,
        { ...query, order: sort, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MILLISECONDS,
  });
  const answers = pages.data?.pages ?? [];
  const dialogs = answers.flatMap((answer) => answer.dialogs);
  const people: People = Object.assign({}, ...answers.map((answer) => answer.people));
  const tz = answers[0]?.period.tz ?? 'UTC';
  return (
    <PageFrame title={t('nav.dialogs')} main={main}>
      <Card
        title={t('dialogs.all')}
        metrics={['user_messages', 'tokens', 'cost_usd']}
        note={mayRead ? null : t('dialogs.noScope')}
        csv={answers[0] ? file('dialogs', { ...answers[0], people }, dialogs) : null}
      >
        {pages.isPending && <Skeleton height={HEIGHT} />}
        {pages.isError && answers.length === 0 && (
          <Failure error={pages.error} onRetry={() => pages.refetch()} height={HEIGHT} />
        )}
        {answers.length > 0 && (
          <DialogTable
            dialogs={dialogs}
            people={people}
            tz={tz}
            sorting={{ order, onOrder }}
            onRead={mayRead ? setOpened : undefined}
          />
        )}
        {pages.hasNextPage && (
          <MoreButton
            isLoading={pages.isFetchingNextPage}
            onPress={() => void pages.fetchNextPage()}
          />
        )}
      </Card>
      {opened && (
        <DialogReader
          dialogId={opened.dialog_id}
          name={nameOf(people, opened.user_key)}
          tz={tz}
          onClose={() => setOpened(null)}
        />
      )}
    </PageFrame>
  );
}
