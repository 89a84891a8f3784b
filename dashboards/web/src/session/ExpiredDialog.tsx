/** Asks for the password again over a page that stays as it is. */

import { Dialog } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { useServices, useSession } from '../app/services';
import { SignInForm } from './EntryPage';

export function ExpiredDialog() {
  const { t } = useTranslation();
  const { api } = useServices();
  const session = useSession();
  if (session.status !== 'expired') return null;
  return (
    <Dialog.Root open>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className="modal narrow"
          onEscapeKeyDown={(event) => event.preventDefault()}
          onInteractOutside={(event) => event.preventDefault()}
        >
          <Dialog.Title>{t('session.expired')}</Dialog.Title>
          <Dialog.Description className="note">{t('session.expiredAdvice')}</Dialog.Description>
          <SignInForm username={session.username} />
          <button type="button" className="link" onClick={() => void api.signOut()}>
            {t('session.other')}
          </button>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
