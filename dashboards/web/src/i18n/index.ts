/**
 * The texts of the dashboard in the language of the person; only that language is loaded, first
 * what the first page says, the rest with the page that needs it.
 */

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

type Load = () => Promise<{ default: object }>;

const FIRST: Record<Language, Load> = {
  en: () => import('./en.json?first'),
  ru: () => import('./ru.json?first'),
};
const REST: Record<Language, Load> = {
  en: () => import('./en.json?rest'),
  ru: () => import('./ru.json?rest'),
};

/** The rest of the texts of each language, on its way or there. */
type Rest = Partial<Record<Language, Promise<void>>>;
/** By the place of an instance's texts: components are given wrappers of it, now and then a new one. */
const RESTS = new WeakMap<i18n['store'], Rest>();

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
    resources: { [language]: { translation: (await FIRST[language]()).default } },
    interpolation: { escapeValue: false },
    returnNull: false,
    // The mood of an unknown age has no word.
    returnEmptyString: true,
  });
  document.documentElement.lang = language;
  return instance;
}

export async function switchLanguage(
  instance: i18n,
  language: Language,
  storage: Pick<Storage, 'setItem'>,
): Promise<void> {
  // All at once: which page is shown does not matter then.
  const parts = await Promise.all([FIRST[language](), REST[language]()]);
  for (const part of parts) add(instance, language, part.default);
  restsOf(instance)[language] = Promise.resolve();
  storage.setItem(KEY, language);
  await instance.changeLanguage(language);
  document.documentElement.lang = language;
}

/** Load what pages other than the first say, in the language that is spoken. */
export function restOfTexts(instance: i18n): Promise<void> {
  const language = instance.language as Language;
  const rests = restsOf(instance);
  rests[language] ??= REST[language]().then((texts) => add(instance, language, texts.default));
  return rests[language];
}

function restsOf(instance: i18n): Rest {
  const rests = RESTS.get(instance.store) ?? {};
  RESTS.set(instance.store, rests);
  return rests;
}

function add(instance: i18n, language: Language, texts: object): void {
  instance.addResourceBundle(language, 'translation', texts, true, true);
}
