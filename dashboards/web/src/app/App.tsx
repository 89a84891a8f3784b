/** Which page stands where, and who may see it. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Suspense, useEffect } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { OverviewPage } from '../pages/OverviewPage';
import { EntryPage } from '../session/EntryPage';
import { ExpiredDialog } from '../session/ExpiredDialog';
import { usernameOf } from '../session/session';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { lazyPart } from '../ui/lazyPart';
import { Failure, Skeleton } from '../ui/states';
import { ACCOUNT, INVITATION, RESET } from './pages';
import { Shell } from './Shell';
import { useServices, useSession } from './services';

// The first page is in the first file; the others come when somebody goes there.
const UsersPage = lazyPart(() => import('../pages/UsersPage'));
const DialogsPage = lazyPart(() => import('../pages/DialogsPage'));
const ModelsPage = lazyPart(() => import('../pages/ModelsPage'));
const RetentionPage = lazyPart(() => import('../pages/RetentionPage'));
const QualityPage = lazyPart(() => import('../pages/QualityPage'));
const TurnsPage = lazyPart(() => import('../pages/TurnsPage'));
const PersonPage = lazyPart(() => import('../pages/PersonPage'));
const DialogPage = lazyPart(() => import('../pages/DialogPage'));
const AlertsPage = lazyPart(() => import('../alerts/AlertsPage'));
const NotFoundPage = lazyPart(() => import('../pages/NotFoundPage'));
const AccountPage = lazyPart(() => import('../accounts/AccountPage'));
const AccountsPage = lazyPart(() => import('../accounts/AccountsPage'));
const AuditPage = lazyPart(() => import('../accounts/AuditPage'));
const InvitationPage = lazyPart(() => import('../session/InvitationPage'));
const ResetPage = lazyPart(() => import('../session/ResetPage'));

const RETRY_MILLISECONDS = 5_000;

export function App() {
  const session = useSession();
  const [path] = useLocation();
  useAnswersOfAccount();
  const isInvitation = path === INVITATION.path;
  if (isInvitation || path === RESET.path) {
    return (
      <ErrorBoundary height={480}>
        <Suspense>{isInvitation ? <InvitationPage /> : <ResetPage />}</Suspense>
      </ErrorBoundary>
    );
  }
  if (session.status === 'unknown') return <Arrival />;
  if (session.status === 'anonymous') return <EntryPage />;
  return (
    <>
      <Shell key={session.username}>
        <ErrorBoundary resetKey={path} height={480}>
          <Suspense fallback={<Skeleton height={600} />}>
            <Switch>
              <Route path="/" component={OverviewPage} />
              <Route path="/users" component={UsersPage} />
              <Route path="/dialogs" component={DialogsPage} />
              <Route path="/models" component={ModelsPage} />
              <Route path="/retention" component={RetentionPage} />
              <Route path="/quality" component={QualityPage} />
              <Route path="/alerts" component={AlertsPage} />
              <Route path={ACCOUNT.path} component={AccountPage} />
              <Route path="/accounts" component={AccountsPage} />
              <Route path="/audit" component={AuditPage} />
              <Route path="/turns" component={TurnsPage} />
              <Route path="/people/:key" component={PersonPage} />
              <Route path="/dialogs/:id" component={DialogPage} />
              <Route component={NotFoundPage} />
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </Shell>
      <ExpiredDialog />
    </>
  );
}

/** Nothing is drawn until it is known who is signed in, so that nothing jumps. */
function Arrival() {
  const { api } = useServices();
  const { error, refetch } = useQuery({
    queryKey: ['session'],
    queryFn: () => api.resume().then(() => null),
    retry: false,
    refetchInterval: RETRY_MILLISECONDS,
  });
  return <main>{error && <Failure error={error} onRetry={refetch} height="60vh" />}</main>;
}

/** Answers belong to an account: another one gets none of them, the same one gets fresh ones. */
function useAnswersOfAccount(): void {
  const { session } = useServices();
  const queries = useQueryClient();
  useEffect(() => {
    let before = session.state;
    return session.subscribe(() => {
      const was = before;
      before = session.state;
      if (usernameOf(was) !== usernameOf(before)) queries.clear();
      else if (was.status === 'expired') void queries.invalidateQueries();
    });
  }, [session, queries]);
}
