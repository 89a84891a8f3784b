/** Language, colours, and the version that runs. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { version } from '../../package.json';
import { LANGUAGES, type Language, switchLanguage } from '../i18n';
import { Segmented } from '../ui/Segmented';
import { useServices } from './services';
import { applyTheme, keepTheme, readTheme, THEMES, type Theme } from './theme';

const NAMES: Record<Language, string> = { en: 'English', ru: 'Русский' };

export function Preferences() {
  const { t, i18n } = useTranslation();
  const { storage } = useServices();
  const [theme, setTheme] = useState(() => readTheme(storage));
  const [notLoaded, setNotLoaded] = useState(false);
  const pickTheme = (next: Theme) => {
    setTheme(next);
    keepTheme(next, storage);
    applyTheme(next, document.documentElement);
  };
  const speak = (language: Language) => {
    setNotLoaded(false);
    switchLanguage(i18n, language, storage).catch(() => setNotLoaded(true));
  };
  return (
    <div className="preferences">
      <Segmented
        label={t('preferences.language')}
        value={i18n.language as Language}
        options={LANGUAGES.map((value) => ({ value, label: NAMES[value] }))}
        onChange={speak}
      />
      {notLoaded && (
        <p className="field-error" role="alert">
          {t('preferences.notLoaded')}
        </p>
      )}
      <Segmented
        label={t('preferences.theme')}
        value={theme}
        options={THEMES.map((value) => ({ value, label: t(`preferences.${value}`) }))}
        onChange={pickTheme}
      />
      <p className="version">{t('preferences.version', { version })}</p>
    </div>
  );
}
