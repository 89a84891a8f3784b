import { describe, expect, it } from 'vitest';
import { createTexts, preferredLanguage, switchLanguage } from '../src/i18n';
import en from '../src/i18n/en.json';
import definitions from '../src/i18n/metrics.ru.json';
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

describe('the Russian texts', () => {
  // One word for one thing; the left one was used beside the right one.
  it.each([
    ['Липкость', 'Вовлечённость'],
    ['Представлени', 'Закладка'],
    ['Доля ошибок', 'Доля неудачных ответов'],
    ['Доля неудач(?!н)', 'Доля неудачных ответов'],
    ['Стоимость', 'Расходы'],
    ['Новые люди', 'Новые пользователи'],
    ['[Зз]апрос\\S* к модели', 'вопрос, обращение к модели'],
    ['[Зз]апрос\\S* с неизвестной', 'вопрос с неизвестной ценой'],
  ])('never say %s: %s', (word) => {
    const wrong = leaves({ ru, definitions }).filter(([, text]) => new RegExp(word).test(text));
    expect(wrong).toEqual([]);
  });

  it('name a figure in a card, a chart and an alert as the catalogue does', () => {
    const { cost_usd, failed, active_users, error_rate, fallback_rate } = definitions;
    for (const [title, ...shown] of [
      [cost_usd.title, ru.kpi.cost_usd, ru.metric.cost_usd, ru.alerts.metric.cost_usd],
      [failed.title, ru.metric.failed, ru.alerts.metric.failed],
      [active_users.title, ru.kpi.active_users, ru.metric.active_users, ru.nav.users],
      [error_rate.title, ru.kpi.failed, ru.metric.error_rate, ru.alerts.metric.error_rate],
      [fallback_rate.title, ru.alerts.metric.fallback_rate],
      [definitions.turns.title, ru.metric.turns, ru.column.turns, ru.nav.turns],
    ]) {
      expect(shown).toEqual(shown.map(() => title));
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
