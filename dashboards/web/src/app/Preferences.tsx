/** Language, colours, and the version that runs. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { version } from '../../package.json';
import { LANGUAGES, type Language } from '../i18n';
import { Segmented } from '../ui/Segmented';
import { useServices } from './services';
import { readTheme, THEMES } from './theme';
import { usePreferences } from './usePreferences';

export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', ru: 'Русский' };

export function Preferences() {
  const { t } = useTranslation();
  const { storage } = useServices();
  const { language, notLoaded, speak, paint } = usePreferences();
  // Drawn again when it is picked here; the box that finds everything draws it again when it closes.
  const [, setTheme] = useState(() => readTheme(storage));
  return (
    <div className="preferences">
      <Segmented
        label={t('preferences.language')}
        value={language}
        options={LANGUAGES.map((value) => ({ value, label: LANGUAGE_NAMES[value] }))}
        onChange={speak}
      />
      {notLoaded && (
        <p className="field-error" role="alert">
          {t('preferences.notLoaded')}
        </p>
      )}
      <Segmented
        label={t('preferences.theme')}
        value={readTheme(storage)}
        options={THEMES.map((value) => ({ value, label: t(`preferences.${value}`) }))}
        onChange={(theme) => {
          paint(theme);
          setTheme(theme);
        }}
      />
      <p className="version">{t('preferences.version', { version })}</p>
    </div>
  );
}
