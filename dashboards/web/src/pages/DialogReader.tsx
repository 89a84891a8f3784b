/** The text of one dialog. First says that the reading is recorded; asks for it only after a yes. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Dialog } from 'radix-ui';
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { TextPlace } from '../api/types';
import { useServices } from '../app/services';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Failure, Skeleton } from '../ui/states';
import { useCodeNames } from './codes';
import { nameOf } from './people';
import './marked.css';

interface Props {
  readonly dialogId: string;
  readonly name: string;
  readonly tz: string;
  /** The turn at which it opens; absent: at the newest text. */
  readonly turn?: string | undefined;
  readonly onClose: () => void;
}

export function DialogReader({ dialogId, name, tz, turn, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Reader title={t('dialogs.title', { name })} warning={t('dialogs.warning')} onClose={onClose}>
      <Texts dialogId={dialogId} tz={tz} turn={turn} />
      <ProviderErrors dialogId={dialogId} tz={tz} turn={turn} />
    </Reader>
  );
}

interface ReaderProps {
  readonly title: string;
  /** Said before anything is asked for. */
  readonly warning: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** Private words, shown only after a yes to their reading being recorded. */
export function Reader({ title, warning, onClose, children }: ReaderProps) {
  const { t } = useTranslation();
  const [agreed, setAgreed] = useState(false);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal">
          <div className="drawer-head">
            <Dialog.Title>{title}</Dialog.Title>
            <Dialog.Close className="button quiet square" aria-label={t('dialogs.close')}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <Dialog.Description className="notice">
            <Icon name="lock" />
            <span>{agreed ? t('dialogs.recorded') : warning}</span>
          </Dialog.Description>
          {agreed ? (
            children
          ) : (
            <button type="button" className="button primary" onClick={() => setAgreed(true)}>
              {t('dialogs.open')}
            </button>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

type PartProps = Pick<Props, 'dialogId' | 'tz' | 'turn'>;

/** Failed calls with the provider's words, asked for when they are wanted: each reading is recorded. */
function ProviderErrors({ dialogId, tz, turn }: PartProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(tz);
  const codes = useCodeNames();
  const [isWanted, setWanted] = useState(false);
  const found = useQuery({
    queryKey: ['dialog-failures', dialogId],
    queryFn: () => api.dialogFailures(dialogId),
    enabled: isWanted,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  if (!isWanted) {
    return (
      <button type="button" className="button more" onClick={() => setWanted(true)}>
        {t('dialogs.errors')}
      </button>
    );
  }
  if (found.isPending) return <Skeleton height={60} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => found.refetch()} />;
  if (found.data.failures.length === 0) return <p>{t('dialogs.noErrors')}</p>;
  return (
    <ul className="provider-errors" aria-label={t('dialogs.errorList')}>
      {found.data.failures.map((failure) => (
        <li
          key={`${failure.turn_id} ${failure.attempt}`}
          className={failure.turn_id === turn ? 'marked' : undefined}
        >
          <p className="note">
            <time dateTime={failure.started_at}>{formats.moment(failure.started_at)}</time>
            {` · ${failure.model} · ${codes.cause(failure.outcome)}`}
            {failure.http_status !== null && ` · HTTP ${failure.http_status}`}
          </p>
          <p className="words">
            {failure.message ?? (
              <em>{t(failure.is_withheld ? 'dialogs.withheld' : 'dialogs.noMessage')}</em>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}

function Texts({ dialogId, tz, turn }: PartProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(tz);
  // Each question is recorded: none is asked by itself, and nothing stays in the cache.
  const pages = useInfiniteQuery({
    queryKey: ['dialog-text', dialogId, turn],
    queryFn: ({ pageParam }) => api.dialogText(dialogId, pageParam),
    initialPageParam: (turn ? { turn } : { newest: true }) as TextPlace,
    getPreviousPageParam: (first): TextPlace | null =>
      first.previous_before ? { before: first.previous_before } : null,
    getNextPageParam: (last): TextPlace | null =>
      last.next_after ? { after: last.next_after } : null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const messages = pages.data?.pages.flatMap((page) => page.messages) ?? [];
  const talk = usePlace(messages[0]?.id);
  if (pages.isPending) return <Skeleton height={240} />;
  if (pages.isError) return <Failure error={pages.error} onRetry={() => pages.refetch()} />;
  const people = Object.assign({}, ...pages.data.pages.map((page) => page.people));
  if (messages.length === 0) return <p>{t('dialogs.none')}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable
    <section className="talk" ref={talk} tabIndex={0} aria-label={t('column.text')}>
      {pages.hasPreviousPage && (
        <button type="button" className="button more" onClick={() => pages.fetchPreviousPage()}>
          {t('dialogs.older')}
        </button>
      )}
      <ol>
        {messages.map((message) => (
          <li
            key={message.id}
            className={`said ${message.role} ${message.turn_id === turn ? 'marked' : ''}`}
            aria-current={message.turn_id === turn ? 'true' : undefined}
          >
            <p className="note">
              {message.role === 'assistant'
                ? t('dialogs.assistant')
                : nameOf(people, message.user_key)}
              {' · '}
              <time dateTime={message.created_at}>{formats.moment(message.created_at)}</time>
            </p>
            <p className="words">
              {message.text ?? (
                <em>{t(message.is_withheld ? 'dialogs.withheld' : 'dialogs.unreadable')}</em>
              )}
            </p>
          </li>
        ))}
      </ol>
      {pages.hasNextPage && (
        <button type="button" className="button more" onClick={() => pages.fetchNextPage()}>
          {t('dialogs.newer')}
        </button>
      )}
    </section>
  );
}

/**
 * Scrolls the region to its marked part, else to its end, once it has one; when older texts come
 * above, what is read stays where it is.
 */
function usePlace(first: string | undefined) {
  const ref = useRef<HTMLElement>(null);
  const before = useRef<{ first: string; height: number } | null>(null);
  useLayoutEffect(() => {
    const region = ref.current;
    if (!region || first === undefined) return;
    if (before.current === null) {
      const marked = region.querySelector('[aria-current]');
      const [box, whole] = [marked?.getBoundingClientRect(), region.getBoundingClientRect()];
      region.scrollTop = box
        ? box.top - whole.top - Math.max(0, (whole.height - box.height) / 2)
        : region.scrollHeight;
      region.focus({ preventScroll: true });
    } else if (before.current.first !== first) {
      region.scrollTop += region.scrollHeight - before.current.height;
    }
    before.current = { first, height: region.scrollHeight };
  });
  return ref;
}
