/** The texts of the dashboard in the language of the person; only that language is loaded. */

import i18next, { type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import type en from './en.json';
import type metrics from './metrics.en.json';

export const LANGUAGES = ['en', 'ru'] as const;
export type Language = (typeof LANGUAGES)[number];

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

const KEY = 'dialytics.language';

const TEXTS: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import('./en.json'),
  ru: () => import('./ru.json'),
};

/** A metric of the catalogue. */
export type Metric = keyof typeof metrics;
export type Definitions = Record<Metric, { readonly title: string; readonly definition: string }>;

/** What each metric is, from the catalogue. */
export const DEFINITIONS: Record<Language, () => Promise<{ default: Definitions }>> = {
  en: () => import('./metrics.en.json'),
  ru: () => import('./metrics.ru.json'),
};

/** The language chosen before on this machine, else the first wish of the browser that we speak. */
export function preferredLanguage(
  storage: Pick<Storage, 'getItem'>,
  wishes: readonly string[],
): Language {
  const candidates = [storage.getItem(KEY) ?? '', ...wishes.map((wish) => wish.slice(0, 2))];
  for (const candidate of candidates) {
    const known = LANGUAGES.find((language) => language === candidate);
    if (known) return known;
  }
  return 'en';
}

export async function createTexts(language: Language): Promise<i18n> {
  const instance = i18next.createInstance();
  await instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    resources: { [language]: { translation: (await TEXTS[language]()).default } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  document.documentElement.lang = language;
  return instance;
}

export async function switchLanguage(
  instance: i18n,
  language: Language,
  storage: Pick<Storage, 'setItem'>,
): Promise<void> {
  instance.addResourceBundle(language, 'translation', (await TEXTS[language]()).default);
  storage.setItem(KEY, language);
  await instance.changeLanguage(language);
  document.documentElement.lang = language;
}
