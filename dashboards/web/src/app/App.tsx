/** Which page stands where, and who may see it. */

import { lazy, Suspense } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { OverviewPage } from '../pages/OverviewPage';
import { EntryPage } from '../session/EntryPage';
import { ExpiredDialog } from '../session/ExpiredDialog';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { Skeleton } from '../ui/states';
import { Shell } from './Shell';
import { useSession } from './services';

// The first page is in the first file; the others come when somebody goes there.
const UsersPage = lazy(() => import('../pages/UsersPage'));
const DialogsPage = lazy(() => import('../pages/DialogsPage'));
const ModelsPage = lazy(() => import('../pages/ModelsPage'));
const RetentionPage = lazy(() => import('../pages/RetentionPage'));
const QualityPage = lazy(() => import('../pages/QualityPage'));
const NotFoundPage = lazy(() => import('../pages/NotFoundPage'));

export function App() {
  const session = useSession();
  const [path] = useLocation();
  if (session.status === 'anonymous') return <EntryPage />;
  return (
    <>
      <Shell>
        <ErrorBoundary resetKey={path} height={480}>
          <Suspense fallback={<Skeleton height={600} />}>
            <Switch>
              <Route path="/" component={OverviewPage} />
              <Route path="/users" component={UsersPage} />
              <Route path="/dialogs" component={DialogsPage} />
              <Route path="/models" component={ModelsPage} />
              <Route path="/retention" component={RetentionPage} />
              <Route path="/quality" component={QualityPage} />
              <Route component={NotFoundPage} />
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </Shell>
      <ExpiredDialog />
    </>
  );
}
