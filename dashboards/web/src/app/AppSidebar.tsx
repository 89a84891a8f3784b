/** The way between pages: a column on wide screens, a drawer behind a button on phones. */

import { Dialog } from 'radix-ui';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { useLinks } from '../filters/useFilters';
import { Icon } from '../ui/Icon';
import { ADMIN_PAGES, PAGES } from './pages';
import { useScope } from './services';

interface Props {
  readonly onFind: () => void;
  /** Settings and account, below the pages. */
  readonly children?: ReactNode;
}

export function AppSidebar({ onFind, children }: Props) {
  const { t } = useTranslation();
  const [path] = useLocation();
  const [isOpen, setOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: arriving on another page closes it
  useEffect(() => setOpen(false), [path]);
  return (
    <>
      <aside className="sidebar">
        <Brand />
        <button type="button" className="find-button" onClick={onFind}>
          <Icon name="search" />
          <span>{t('find.button')}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <PageLinks />
        <div className="sidebar-foot">{children}</div>
      </aside>
      <div className="topbar">
        <Brand />
        <button
          type="button"
          className="button quiet square find-narrow"
          aria-label={t('find.title')}
          onClick={onFind}
        >
          <Icon name="search" />
        </button>
        <Dialog.Root open={isOpen} onOpenChange={setOpen}>
          <Dialog.Trigger className="button quiet square" aria-label={t('nav.open')}>
            <Icon name="menu" />
          </Dialog.Trigger>
          <Dialog.Portal>
            <Dialog.Overlay className="overlay" />
            <Dialog.Content className="drawer" aria-describedby={undefined}>
              <div className="drawer-head">
                <Dialog.Title className="visually-hidden">{t('nav.label')}</Dialog.Title>
                <Brand />
                <Dialog.Close className="button quiet square" aria-label={t('nav.close')}>
                  <Icon name="close" />
                </Dialog.Close>
              </div>
              <PageLinks onFollow={() => setOpen(false)} />
              <div className="sidebar-foot">{children}</div>
            </Dialog.Content>
          </Dialog.Portal>
        </Dialog.Root>
      </div>
    </>
  );
}

function Brand() {
  return (
    <p className="brand">
      <img src="/icon.svg" alt="" width="26" height="26" />
      Dialytics
    </p>
  );
}

function PageLinks({ onFollow }: { readonly onFollow?: () => void }) {
  const { t } = useTranslation();
  const [path] = useLocation();
  const links = useLinks();
  const isAdmin = useScope('admin');
  const linkTo = (page: (typeof PAGES | typeof ADMIN_PAGES)[number], href: string) => (
    <li key={page.key}>
      <Link
        href={href}
        className="nav-link"
        aria-current={path === page.path ? 'page' : undefined}
        {...(onFollow ? { onClick: onFollow } : {})}
      >
        <Icon name={page.key} />
        {t(`nav.${page.key}`)}
      </Link>
    </li>
  );
  return (
    <nav aria-label={t('nav.label')}>
      <ul className="nav">{PAGES.map((page) => linkTo(page, links.page(page.path)))}</ul>
      {isAdmin && (
        <ul className="nav admin" aria-label={t('nav.administration')}>
          {ADMIN_PAGES.map((page) => linkTo(page, page.path))}
        </ul>
      )}
    </nav>
  );
}
