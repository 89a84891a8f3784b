/** Opens the saved views; they are loaded then. */

import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { Icon } from '../ui/Icon';
import { lazyPart } from '../ui/lazyPart';

const ViewsDialog = lazyPart(() => import('./ViewsDialog'));

export function ViewsButton() {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="button quiet" onClick={() => setOpen(true)}>
        <Icon name="star" />
        {t('views.button')}
      </button>
      {isOpen && (
        <ErrorBoundary>
          <Suspense>
            <ViewsDialog onClose={() => setOpen(false)} />
          </Suspense>
        </ErrorBoundary>
      )}
    </>
  );
}
