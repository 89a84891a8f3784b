/** Registers an account with the code of an invitation. */

import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { RegisterForm } from './EntryPage';
import { LinkPage } from './LinkPage';
import { useLinkSecret } from './useLinkSecret';

export default function InvitationPage() {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const invitation = useLinkSecret('invitation');
  return (
    <LinkPage title={t('session.registerTitle')}>
      {invitation ? (
        <>
          <p className="note">{t('invitation.lead')}</p>
          <RegisterForm typed={{}} invitation={invitation} onDone={() => navigate('/')} />
        </>
      ) : (
        <>
          <p>{t('invitation.invalid')}</p>
          <Link href="/" className="button primary">
            {t('session.signIn')}
          </Link>
        </>
      )}
    </LinkPage>
  );
}
