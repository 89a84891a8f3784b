/** The sheet of keyboard shortcuts, and the switch of those that are a single key. */

import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ADMIN_PAGES, PAGES } from '../app/pages';
import { useScope } from '../app/services';
import { Icon } from '../ui/Icon';
import { Toggle } from '../ui/Toggle';
import { letterOf } from './keys';
import './find.css';

interface Props {
  readonly singleKeys: boolean;
  readonly onSingleKeys: (are: boolean) => void;
  readonly onClose: () => void;
}

export default function KeysDialog({ singleKeys, onSingleKeys, onClose }: Props) {
  const { t } = useTranslation();
  const isAdmin = useScope('admin');
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="modal" aria-describedby={undefined}>
          <div className="drawer-head">
            <Dialog.Title>{t('shortcuts.title')}</Dialog.Title>
            <Dialog.Close className="button quiet square" aria-label={t('find.close')}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <div className="keys">
            <dl>
              <Line does={t('find.title')}>
                <kbd>Ctrl K</kbd> <kbd>/</kbd>
              </Line>
              <Line does={t('shortcuts.title')}>
                <kbd>?</kbd>
              </Line>
              <Line does={t('shortcuts.walk')}>
                <kbd>←</kbd> <kbd>→</kbd>
              </Line>
              <Line does={t('shortcuts.narrow')}>
                <kbd>Enter</kbd>
              </Line>
              <Line does={t('shortcuts.mark')}>
                <kbd>Shift ←</kbd> <kbd>Shift →</kbd>
              </Line>
              <Line does={t('shortcuts.close')}>
                <kbd>Esc</kbd>
              </Line>
            </dl>
            <dl>
              {[...PAGES, ...(isAdmin ? ADMIN_PAGES : [])].map(({ key }) => (
                <Line key={key} does={t(`nav.${key}`)}>
                  <kbd>G</kbd> <kbd>{letterOf(key)}</kbd>
                </Line>
              ))}
            </dl>
          </div>
          <Toggle label={t('shortcuts.single')} checked={singleKeys} onChange={onSingleKeys} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Line({ does, children }: { readonly does: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{does}</dt>
      <dd>{children}</dd>
    </div>
  );
}
