import { describe, expect, it } from 'vitest';
import { createTexts, preferredLanguage, switchLanguage } from '../src/i18n';
import en from '../src/i18n/en.json';
import ru from '../src/i18n/ru.json';

const FORMS = /_(one|few|many|other)$/;

function leaves(texts: object, path = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [[path + key, value]] : leaves(value, `${path + key}.`),
  ) as [string, string][];
}

const keys = (texts: object) => new Set(leaves(texts).map(([key]) => key.replace(FORMS, '')));
const holes = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((hole) => hole[1]).sort();

describe('texts', () => {
  it('are all there in both languages', () => {
    expect(keys(ru)).toEqual(keys(en));
  });

  it('have every plural form that their language needs', () => {
    for (const [texts, forms] of [
      [en, ['one', 'other']],
      [ru, ['few', 'many', 'one', 'other']],
    ] as const) {
      const plurals = leaves(texts)
        .map(([key]) => key)
        .filter((key) => FORMS.test(key));
      for (const stem of new Set(plurals.map((key) => key.replace(FORMS, '')))) {
        const found = plurals.filter((key) => key.replace(FORMS, '') === stem);
        expect(found.map((key) => FORMS.exec(key)?.[1]).sort()).toEqual(forms);
      }
    }
  });

  it('have the same holes in both languages', () => {
    const english = new Map(leaves(en).map(([key, text]) => [key.replace(FORMS, ''), text]));
    for (const [key, text] of leaves(ru)) {
      expect([key, holes(text)]).toEqual([key, holes(english.get(key.replace(FORMS, '')) ?? '')]);
    }
  });
});

describe('the language', () => {
  it('is the one chosen before, else the first wish that we speak, else English', () => {
    expect(preferredLanguage(localStorage, ['de-DE', 'ru-RU', 'en'])).toBe('ru');
    expect(preferredLanguage(localStorage, ['de'])).toBe('en');
    localStorage.setItem('dialytics.language', 'en');
    expect(preferredLanguage(localStorage, ['ru'])).toBe('en');
  });

  it('changes at once and is remembered', async () => {
    const texts = await createTexts('en');
    expect(texts.t('session.signIn')).toBe('Sign in');
    await switchLanguage(texts, 'ru', localStorage);
    expect(texts.t('session.signIn')).toBe('Войти');
    expect(document.documentElement.lang).toBe('ru');
    expect(localStorage.getItem('dialytics.language')).toBe('ru');
  });
});
