/** All turns of a query, page by page, newest first. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { ReportQuery } from '../api/types';
import { REFRESH_MILLISECONDS } from '../api/useReport';
import { useServices } from '../app/services';
import { Card } from '../ui/Card';
import { MoreButton } from '../ui/MoreButton';
import { Failure, Skeleton } from '../ui/states';
import { useFile } from './files';
import type { People } from './people';
import { TurnTable } from './TurnTable';

const PATH = '/api/v1/stats/turns';
const HEIGHT = 640;
const MAX_PAGES_SEARCHED = 20;

interface Props {
  readonly query: ReportQuery<typeof PATH>;
  readonly note?: string | undefined;
  readonly of?: 'person' | 'dialog';
  /** The turn that a link is about: older pages are loaded until it is there. */
  readonly marked?: string | undefined;
  /** Present only for those who may read texts: opens those of a turn. */
  readonly onRead?: ((turnId: string) => void) | undefined;
}

export function TurnList({ query, note, of, marked, onRead }: Props) {
  const { t } = useTranslation();
  const file = useFile();
  const { api } = useServices();
  const pages = useInfiniteQuery({
    queryKey: [PATH, 'pages', query],
    queryFn: ({ pageParam, signal }) =>
      api.report(PATH, { ...query, ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MILLISECONDS,
  });
  const answers = pages.data?.pages ?? [];
  const turns = answers.flatMap((answer) => answer.turns);
  const people: People = Object.assign({}, ...answers.map((answer) => answer.people));
  const [first] = answers;
  const { fetchNextPage, hasNextPage, isFetching, isFetchNextPageError } = pages;
  const isMissing =
    marked !== undefined &&
    answers.length < MAX_PAGES_SEARCHED &&
    !turns.some((turn) => turn.turn_id === marked);
  useEffect(() => {
    // A page that failed is asked again by the person only.
    if (isMissing && hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [isMissing, hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  return (
    <Card
      title={t('turns.title')}
      note={note}
      csv={first ? file('turns', { ...first, people }, turns) : null}
    >
      {pages.isPending && <Skeleton height={HEIGHT} />}
      {pages.isError && !first && (
        <Failure error={pages.error} onRetry={() => pages.refetch()} height={HEIGHT} />
      )}
      {first && (
        <TurnTable
          turns={turns}
          people={people}
          tz={first.period.tz}
          marked={marked}
          onRead={onRead}
          {...(of ? { of } : {})}
        />
      )}
      {pages.hasNextPage && (
        <MoreButton
          isLoading={pages.isFetchingNextPage}
          onPress={() => void pages.fetchNextPage()}
        />
      )}
    </Card>
  );
}
