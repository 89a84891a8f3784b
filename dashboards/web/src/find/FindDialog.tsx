/** One box for everything: people, dialogs, pages, metrics, actions. Loaded when it is opened. */

import { Command } from 'cmdk';
import { Dialog } from 'radix-ui';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { LANGUAGE_NAMES } from '../app/Preferences';
import { usePageActions } from '../app/pageActions';
import { ACCOUNT, ADMIN_PAGES, PAGES } from '../app/pages';
import { useScope, useServices } from '../app/services';
import { THEMES } from '../app/theme';
import { usePreferences } from '../app/usePreferences';
import { CHART_METRICS } from '../charts/metrics';
import { useLinks } from '../filters/useFilters';
import { LANGUAGES } from '../i18n';
import { nameOf, visible } from '../pages/people';
import { useSavedViews } from '../saved/questions';
import { useExplanation } from '../session/explanations';
import { Icon, type IconName } from '../ui/Icon';
import { dialogIdIn, personKeyIn } from './exact';
import { letterOf } from './keys';
import { type FoundPeople, useFoundPeople } from './useFoundPeople';
import './find.css';

interface Props {
  readonly onClose: () => void;
  readonly onKeys: () => void;
}

export default function FindDialog({ onClose, onKeys }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState('');
  const found = useFoundPeople(text);
  const note = useNote(text, found);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal find" aria-describedby={undefined}>
          <Dialog.Title className="visually-hidden">{t('find.title')}</Dialog.Title>
          <Command label={t('find.title')} value={chosen} onValueChange={setChosen} loop>
            <div className="find-line">
              <Icon name="search" />
              <Command.Input
                value={text}
                onValueChange={setText}
                placeholder={t('find.placeholder')}
              />
              <Dialog.Close className="button quiet square" aria-label={t('find.close')}>
                <Icon name="close" />
              </Dialog.Close>
            </div>
            {/* Beside the list, which holds nothing but entries. */}
            <p className="find-note" role="status">
              {note}
            </p>
            <Command.List label={t('find.found')}>
              <Exact text={text} onClose={onClose} />
              <People found={found} onClose={onClose} onFound={setChosen} />
              <Views onClose={onClose} />
              <Places onClose={onClose} />
              <Actions onClose={onClose} onKeys={onKeys} />
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface EntryProps {
  readonly id: string;
  readonly icon: IconName;
  readonly label: string;
  readonly note?: string | undefined;
  /** The keys that do the same. */
  readonly keys?: string | undefined;
  /** Shown whatever is typed: it was found by other means. */
  readonly isFound?: boolean;
  readonly onSelect: () => void;
}

function Entry({ id, icon, label, note, keys, isFound = false, onSelect }: EntryProps) {
  return (
    <Command.Item
      value={id}
      keywords={[label, ...(note ? [note] : [])]}
      forceMount={isFound}
      onSelect={onSelect}
    >
      <Icon name={icon} />
      <span className="find-label">{label}</span>
      {note && <span className="note">{note}</span>}
      {keys && <kbd>{keys}</kbd>}
    </Command.Item>
  );
}

interface PartProps {
  readonly onClose: () => void;
}

function useGo(onClose: () => void): (href: string) => void {
  const [, navigate] = useLocation();
  return (href) => {
    onClose();
    navigate(href);
  };
}

function Exact({ text, onClose }: PartProps & { readonly text: string }) {
  const { t } = useTranslation();
  const links = useLinks();
  const go = useGo(onClose);
  const [key, dialog] = [personKeyIn(text), dialogIdIn(text)];
  if (key !== null) {
    return (
      <Entry
        id={`person ${key}`}
        icon="accounts"
        label={t('find.person', { key })}
        isFound
        onSelect={() => go(links.person(key))}
      />
    );
  }
  if (dialog === null) return null;
  return (
    <Entry
      id={`dialog ${dialog}`}
      icon="dialogs"
      label={t('find.dialog', { id: dialog.slice(0, 8) })}
      isFound
      onSelect={() => go(links.dialog(dialog))}
    />
  );
}

interface PeopleProps extends PartProps {
  readonly found: FoundPeople;
  /** Chooses an entry. */
  readonly onFound: (id: string) => void;
}

function People({ found, onClose, onFound }: PeopleProps) {
  const { t } = useTranslation();
  const links = useLinks();
  const go = useGo(onClose);
  const { people } = found;
  const first = people[0]?.user_key;
  // People come later than the entries that are known, and above them.
  useEffect(() => {
    if (first !== undefined) onFound(`person ${first}`);
  }, [first, onFound]);
  if (people.length === 0) return null;
  return (
    <Command.Group heading={t('find.people')} forceMount>
      {people.map((person) => (
        <Entry
          key={person.user_key}
          id={`person ${person.user_key}`}
          icon="accounts"
          label={nameOf({ [person.user_key]: person }, person.user_key)}
          note={[visible(person.username) && `@${person.username}`, `#${person.user_key}`]
            .filter(Boolean)
            .join(' · ')}
          isFound
          onSelect={() => go(links.person(person.user_key))}
        />
      ))}
    </Command.Group>
  );
}

/** How people are found, or why they are not; null while that needs no words. */
function useNote(text: string, found: FoundPeople): string | null {
  const { t } = useTranslation();
  const explain = useExplanation();
  const { mayName, people, isComplete, isSearching, error } = found;
  if (error) return explain(error);
  if (isSearching) return people.length > 0 ? null : t('find.searching');
  if (people.length > 0) return isComplete ? null : t('find.more');
  if (text.trim() === '') return t(mayName ? 'find.hint' : 'find.hintNameless');
  if (personKeyIn(text) !== null || dialogIdIn(text) !== null) return null;
  return t(mayName ? 'find.nobody' : 'find.nameless');
}

function Views({ onClose }: PartProps) {
  const { t } = useTranslation();
  const go = useGo(onClose);
  const views = useSavedViews().data ?? [];
  if (views.length === 0) return null;
  return (
    <Command.Group heading={t('views.title')}>
      {views.map((view) => (
        <Entry
          key={view.id}
          id={`view ${view.id}`}
          icon="star"
          label={view.name}
          note={view.is_own ? undefined : t('views.by', { owner: view.owner })}
          onSelect={() => go(view.address)}
        />
      ))}
    </Command.Group>
  );
}

function Places({ onClose }: PartProps) {
  const { t } = useTranslation();
  const links = useLinks();
  const go = useGo(onClose);
  const isAdmin = useScope('admin');
  return (
    <>
      <Command.Group heading={t('find.pages')}>
        {PAGES.map(({ key, path }) => (
          <Entry
            key={key}
            id={`page ${key}`}
            icon={key}
            label={t(`nav.${key}`)}
            keys={`G ${letterOf(key)}`}
            onSelect={() => go(links.page(path))}
          />
        ))}
        {isAdmin &&
          ADMIN_PAGES.map(({ key, path }) => (
            <Entry
              key={key}
              id={`page ${key}`}
              icon={key}
              label={t(`nav.${key}`)}
              keys={`G ${letterOf(key)}`}
              onSelect={() => go(path)}
            />
          ))}
        <Entry
          id="page account"
          icon="accounts"
          label={t('account.title')}
          onSelect={() => go(ACCOUNT.path)}
        />
      </Command.Group>
      <Command.Group heading={t('find.metrics')}>
        {CHART_METRICS.map((metric) => (
          <Entry
            key={metric}
            id={`metric ${metric}`}
            icon="chart"
            label={t(`metric.${metric}`)}
            onSelect={() => go(links.metric(metric))}
          />
        ))}
      </Command.Group>
    </>
  );
}

function Actions({ onClose, onKeys }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const actions = usePageActions();
  const { speak, paint } = usePreferences();
  const doing = (run: () => void) => () => {
    onClose();
    run();
  };
  return (
    <Command.Group heading={t('find.actions')}>
      {actions.all.map(({ label, run }) => (
        <Entry
          key={label}
          id={`action ${label}`}
          icon="download"
          label={label}
          onSelect={doing(run)}
        />
      ))}
      {THEMES.map((theme) => (
        <Entry
          key={theme}
          id={`theme ${theme}`}
          icon={theme === 'light' ? 'sun' : theme === 'dark' ? 'moon' : 'auto'}
          label={t('find.choose', {
            what: t('preferences.theme'),
            value: t(`preferences.${theme}`),
          })}
          onSelect={doing(() => paint(theme))}
        />
      ))}
      {LANGUAGES.map((language) => (
        <Entry
          key={language}
          id={`language ${language}`}
          icon="turns"
          label={t('find.choose', {
            what: t('preferences.language'),
            value: LANGUAGE_NAMES[language],
          })}
          onSelect={doing(() => speak(language))}
        />
      ))}
      <Entry id="keys" icon="menu" label={t('shortcuts.title')} keys="?" onSelect={doing(onKeys)} />
      <Entry
        id="sign out"
        icon="leave"
        label={t('session.signOut')}
        // A failure leaves the session as it is, which the page shows.
        onSelect={doing(() => void api.signOut().catch(() => undefined))}
      />
    </Command.Group>
  );
}
