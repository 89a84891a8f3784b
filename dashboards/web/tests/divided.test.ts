/** The texts are divided: those of the first page come first, the rest with another page. */

import { describe, expect, it } from 'vitest';
import { divide, firstKeys } from '../build/texts.ts';
import { createTexts, restOfTexts, switchLanguage } from '../src/i18n';
import en from '../src/i18n/en.json';

function keysOf(texts: object, path = ''): string[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [path + key] : keysOf(value, `${path}${key}.`),
  );
}

describe('the texts of the first page', () => {
  const { first = {}, rest = {} } = divide(en, firstKeys());

  it('are those of signing in and of the overview', () => {
    for (const key of ['session.signIn', 'headline.people_other', 'status.failed', 'reason.cut']) {
      expect(keysOf(first)).toContain(key);
    }
    for (const key of ['alerts.make', 'rules.title', 'find.placeholder', 'audit.events']) {
      expect(keysOf(rest)).toContain(key);
    }
  });

  it('and the rest are all texts, each once', () => {
    expect([...keysOf(first), ...keysOf(rest)].sort()).toEqual(keysOf(en).sort());
  });

  it('come alone, and the rest when a page needs it', async () => {
    const texts = await createTexts('ru');
    expect(texts.exists('session.signIn')).toBe(true);
    expect(texts.exists('alerts.make')).toBe(false);
    await restOfTexts(texts);
    expect(texts.exists('session.signIn')).toBe(true);
    expect(texts.exists('alerts.make')).toBe(true);
  });

  it('come with all others in another language', async () => {
    const texts = await createTexts('en');
    await switchLanguage(texts, 'ru', localStorage);
    expect(texts.exists('alerts.make')).toBe(true);
  });
});
