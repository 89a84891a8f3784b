/** The language and the theme of this browser, and how to change them. */

import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Language, switchLanguage } from '../i18n';
import { useServices } from './services';
import { applyTheme, keepTheme, type Theme } from './theme';

interface Preferences {
  readonly language: Language;
  /** The texts of the language that was asked for did not load. */
  readonly notLoaded: boolean;
  speak(language: Language): void;
  paint(theme: Theme): void;
}

export function usePreferences(): Preferences {
  const { i18n } = useTranslation();
  const { storage } = useServices();
  const [notLoaded, setNotLoaded] = useState(false);
  const speak = useCallback(
    (language: Language) => {
      setNotLoaded(false);
      switchLanguage(i18n, language, storage).catch(() => setNotLoaded(true));
    },
    [i18n, storage],
  );
  const paint = useCallback(
    (theme: Theme) => {
      keepTheme(theme, storage);
      applyTheme(theme, document.documentElement);
    },
    [storage],
  );
  return { language: i18n.language as Language, notLoaded, speak, paint };
}
