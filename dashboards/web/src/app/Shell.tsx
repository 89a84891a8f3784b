/** The frame around every page: the way to the others, language, colours, account. */

import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../ui/Icon';
import { AppSidebar } from './AppSidebar';
import { Preferences } from './Preferences';
import { useServices, useSession } from './services';

export function Shell({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t('nav.skip')}
      </a>
      <AppSidebar>
        <Preferences />
        <AccountLine />
      </AppSidebar>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function AccountLine() {
  const { t } = useTranslation();
  const { api } = useServices();
  const session = useSession();
  const queries = useQueryClient();
  if (session.status === 'anonymous') return null;
  const leave = () => {
    api.signOut();
    queries.clear();
  };
  return (
    <div className="account">
      <span className="account-name" title={session.scopes.join(', ')}>
        {session.username}
      </span>
      <button type="button" className="button quiet" onClick={leave}>
        <Icon name="leave" />
        {t('session.signOut')}
      </button>
    </div>
  );
}
