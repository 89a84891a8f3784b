/** Loads the next page of a list. */

import { useTranslation } from 'react-i18next';

interface Props {
  readonly isLoading: boolean;
  readonly onPress: () => void;
}

export function MoreButton({ isLoading, onPress }: Props) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className="button more"
      // Not disabled: the focus must not leave it.
      aria-disabled={isLoading}
      onClick={() => !isLoading && onPress()}
    >
      {t('state.more')}
    </button>
  );
}
