/** A dialog in which a secret is made and shown once. */

import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../ui/Icon';

interface Props {
  readonly title: string;
  /** The secret is on the screen: a press beside the dialog does not close it. */
  readonly isShown: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function MakerDialog({ title, isShown, onClose, children }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className="modal narrow"
          aria-describedby={undefined}
          onInteractOutside={(event) => isShown && event.preventDefault()}
        >
          <div className="drawer-head">
            <Dialog.Title>{title}</Dialog.Title>
            <Dialog.Close className="button quiet square" aria-label={t('dialogs.close')}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
