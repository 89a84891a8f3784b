/** The frame around every page: the way to the others, language, colours, account. */

import { type ReactNode, useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { Finder, type Opened } from '../find/Finder';
import { KeptView, KeptViewProvider, useKeepView } from '../period/keptView';
import { useExplanation } from '../session/explanations';
import { usernameOf } from '../session/session';
import { Icon } from '../ui/Icon';
import { AppSidebar } from './AppSidebar';
import { Preferences } from './Preferences';
import { PageActions, PageActionsProvider } from './pageActions';
import { ACCOUNT } from './pages';
import { useServices, useSession } from './services';

export function Shell({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState<Opened>(null);
  const [actions] = useState(() => new PageActions());
  const [kept] = useState(() => new KeptView());
  useKeepView(kept);
  const find = useCallback(() => setOpened('find'), []);
  return (
    <PageActionsProvider value={actions}>
      <KeptViewProvider value={kept}>
        <div className="shell">
          <a className="skip" href="#content">
            {t('nav.skip')}
          </a>
          <AppSidebar onFind={find}>
            <Preferences />
            <AccountLine />
          </AppSidebar>
          <main id="content" tabIndex={-1}>
            {children}
          </main>
          <Finder opened={opened} onOpen={setOpened} />
        </div>
      </KeptViewProvider>
    </PageActionsProvider>
  );
}

function AccountLine() {
  const { t } = useTranslation();
  const { api } = useServices();
  const username = usernameOf(useSession());
  const explain = useExplanation();
  const [error, setError] = useState<unknown>(null);
  return (
    <div className="account">
      <Link href={ACCOUNT.path} className="account-name" title={t('account.title')}>
        {username}
      </Link>
      <button
        type="button"
        className="button quiet"
        onClick={() => {
          api.signOut().catch(setError);
        }}
      >
        <Icon name="leave" />
        {t('session.signOut')}
      </button>
      {error !== null && (
        <p className="field-error" role="alert">
          {explain(error)}
        </p>
      )}
    </div>
  );
}
