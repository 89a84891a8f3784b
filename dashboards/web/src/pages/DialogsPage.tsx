/** All dialogs of the period, newest first, page by page. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecentDialog } from '../api/types';
import { REFRESH_MILLISECONDS, useReport } from '../api/useReport';
import { useScope, useServices } from '../app/services';
import { Card } from '../ui/Card';
import { objectsCsv } from '../ui/csv';
import { Failure, Skeleton } from '../ui/states';
import { DialogReader } from './DialogReader';
import { DialogTable } from './DialogTable';
import { PageFrame } from './PageFrame';
import { nameOf, type People } from './people';
import { usePageQuery } from './usePageQuery';

const PATH = '/api/v1/stats/dialogs';
const HEIGHT = 640;

export default function DialogsPage() {
  const { t } = useTranslation();
  const { api } = useServices();
  const [, query] = usePageQuery();
  const mayRead = useScope('texts:read');
  const [opened, setOpened] = useState<RecentDialog | null>(null);
  const main = useReport('/api/v1/stats/summary', query);
  const pages = useInfiniteQuery({
    queryKey: [PATH, 'pages', query],
    queryFn: ({ pageParam, signal }) =>
      api.report(
        PATH,
        { ...query, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) },
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
        title={t('dialogs.recent')}
        note={mayRead ? null : t('dialogs.noScope')}
        csv={objectsCsv('dialogs', dialogs)}
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
            onRead={mayRead ? setOpened : undefined}
          />
        )}
        {pages.hasNextPage && (
          <button
            type="button"
            className="button more"
            disabled={pages.isFetchingNextPage}
            onClick={() => pages.fetchNextPage()}
          >
            {t('state.more')}
          </button>
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
