/** The saved views, own and shared, and a form that saves the one on the screen. */

import { Dialog } from 'radix-ui';
import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { ApiError } from '../api/errors';
import { useScope } from '../app/services';
import { useExplanation } from '../session/explanations';
import { ConfirmButton } from '../ui/ConfirmButton';
import { Icon } from '../ui/Icon';
import { Failure, Skeleton } from '../ui/states';
import { Toggle } from '../ui/Toggle';
import { type SavedView, useDeleteView, useSavedViews, useSaveView } from './questions';
import './saved.css';

interface Props {
  readonly onClose: () => void;
}

export default function ViewsDialog({ onClose }: Props) {
  const { t } = useTranslation();
  const asked = useSavedViews();
  const views = asked.data ?? [];
  const parts = [
    { title: t('views.own'), views: views.filter((view) => view.is_own) },
    { title: t('views.ofOthers'), views: views.filter((view) => !view.is_own) },
  ].filter((part) => part.views.length > 0);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal views" aria-describedby={undefined}>
          <div className="drawer-head">
            <Dialog.Title>{t('views.title')}</Dialog.Title>
            <Dialog.Close className="button quiet square" aria-label={t('find.close')}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          {asked.isPending && <Skeleton height={80} />}
          {asked.isError && (
            <Failure error={asked.error} onRetry={() => asked.refetch()} height={80} />
          )}
          {asked.data && parts.length === 0 && <p className="note">{t('views.none')}</p>}
          {parts.map((part) => (
            <section key={part.title}>
              <h3>{part.title}</h3>
              <ul>
                {part.views.map((view) => (
                  <Row key={view.id} view={view} onFollow={onClose} />
                ))}
              </ul>
            </section>
          ))}
          {asked.data && <SaveForm views={views} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Row({ view, onFollow }: { readonly view: SavedView; readonly onFollow: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteView();
  const isAdmin = useScope('admin');
  return (
    <li>
      <Link href={view.address} onClick={onFollow}>
        {view.name}
      </Link>
      <span className="note">
        {view.is_own ? view.is_shared && t('views.shared') : t('views.by', { owner: view.owner })}
      </span>
      {(view.is_own || isAdmin) && (
        <ConfirmButton
          label={t('views.delete')}
          of={view.name}
          question={t(view.is_shared ? 'views.deleteShared' : 'views.deleteOwn')}
          onConfirm={() => remove.mutateAsync(view.id)}
        />
      )}
    </li>
  );
}

function SaveForm({ views }: { readonly views: readonly SavedView[] }) {
  const { t } = useTranslation();
  const explain = useExplanation();
  const save = useSaveView(views);
  const [name, setName] = useState('');
  const [isShared, setShared] = useState(false);
  const [field, note] = [useId(), useId()];
  const clean = name.trim();
  const replaces = views.some((view) => view.is_own && view.name === clean);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (clean === '') return;
    const address = window.location.pathname + window.location.search;
    save.mutate({ name: clean, address, is_shared: isShared }, { onSuccess: () => setName('') });
  };
  return (
    <form className="views-save" onSubmit={submit}>
      <label htmlFor={field}>{t('views.name')}</label>
      <div className="views-line">
        <input
          id={field}
          value={name}
          maxLength={64}
          aria-describedby={note}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button primary" disabled={clean === '' || save.isPending}>
          {t(replaces ? 'views.replace' : 'views.save')}
        </button>
      </div>
      <Toggle label={t('views.share')} checked={isShared} onChange={setShared} />
      <p id={note} role="status" className={save.isError ? 'field-error' : 'note'}>
        {save.isError && explainOf(save.error)}
        {save.isSuccess && name === '' && t('views.saved')}
      </p>
    </form>
  );

  function explainOf(error: unknown): string {
    const isFull = error instanceof ApiError && error.code === 'too_many_views';
    return isFull ? t('views.tooMany') : explain(error);
  }
}
