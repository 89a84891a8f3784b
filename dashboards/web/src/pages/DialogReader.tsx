/** The text of one dialog. First says that the reading is recorded; asks for it only after a yes. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Dialog } from 'radix-ui';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../app/services';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Failure, Skeleton } from '../ui/states';
import { useCodeNames } from './codes';
import { nameOf } from './people';

interface Props {
  readonly dialogId: string;
  readonly name: string;
  readonly tz: string;
  readonly onClose: () => void;
}

export function DialogReader({ dialogId, name, tz, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Reader title={t('dialogs.title', { name })} warning={t('dialogs.warning')} onClose={onClose}>
      <Texts dialogId={dialogId} tz={tz} />
      <ProviderErrors dialogId={dialogId} tz={tz} />
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

/** Failed calls with the provider's words, asked for when they are wanted: each reading is recorded. */
function ProviderErrors({ dialogId, tz }: Pick<Props, 'dialogId' | 'tz'>) {
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
        <li key={`${failure.turn_id} ${failure.attempt}`}>
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

function Texts({ dialogId, tz }: Pick<Props, 'dialogId' | 'tz'>) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(tz);
  // Each question is recorded: none is asked by itself, and nothing stays in the cache.
  const pages = useInfiniteQuery({
    queryKey: ['dialog-text', dialogId],
    queryFn: ({ pageParam }) => api.dialogText(dialogId, pageParam),
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
  const messages = pages.data.pages.flatMap((page) => page.messages);
  const people = Object.assign({}, ...pages.data.pages.map((page) => page.people));
  if (messages.length === 0) return <p>{t('dialogs.none')}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable
    <section className="talk" tabIndex={0} aria-label={t('column.text')}>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={`said ${message.role}`}>
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
          {t('state.more')}
        </button>
      )}
    </section>
  );
}
