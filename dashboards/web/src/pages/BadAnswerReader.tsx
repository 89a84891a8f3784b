/** The answers that people rated as bad, with their questions. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useServices } from '../app/services';
import { useFormats } from '../ui/format';
import { Failure, Skeleton } from '../ui/states';
import { Reader } from './DialogReader';
import { nameOf } from './people';

interface Props {
  readonly tz: string;
  readonly onClose: () => void;
}

export function BadAnswerReader({ tz, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Reader title={t('ratings.badAnswers')} warning={t('ratings.warning')} onClose={onClose}>
      <Answers tz={tz} />
    </Reader>
  );
}

/** Why a text is not shown. */
const missing = (answer: { readonly is_withheld: boolean }) =>
  answer.is_withheld ? 'dialogs.withheld' : 'ratings.gone';

function Answers({ tz }: Pick<Props, 'tz'>) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(tz);
  // Each question is recorded: none is asked by itself, and nothing stays in the cache.
  const pages = useInfiniteQuery({
    queryKey: ['bad-answers'],
    queryFn: ({ pageParam }) => api.badAnswers(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_after,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  if (pages.isPending) return <Skeleton height={240} />;
  if (pages.isError) return <Failure error={pages.error} onRetry={() => pages.refetch()} />;
  const answers = pages.data.pages.flatMap((page) => page.answers);
  const people = Object.assign({}, ...pages.data.pages.map((page) => page.people));
  if (answers.length === 0) return <p>{t('ratings.noBad')}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable
    <section className="talk" tabIndex={0} aria-label={t('column.text')}>
      <ol>
        {answers.map((answer) => [
          <li key={`${answer.id} question`} className="said user">
            <p className="note">
              {nameOf(people, answer.user_key)}
              {' · '}
              <time dateTime={answer.given_at}>{formats.moment(answer.given_at)}</time>
            </p>
            <p className="words">{answer.question ?? <em>{t(missing(answer))}</em>}</p>
          </li>,
          <li key={answer.id} className="said assistant">
            <p className="note">
              {t('dialogs.assistant')}
              {answer.model && ` · ${answer.model}`}
            </p>
            <p className="words">{answer.answer ?? <em>{t(missing(answer))}</em>}</p>
          </li>,
        ])}
      </ol>
      {pages.hasNextPage && (
        <button type="button" className="button more" onClick={() => pages.fetchNextPage()}>
          {t('state.more')}
        </button>
      )}
    </section>
  );
}
