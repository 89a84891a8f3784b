/** Things that a text names exactly: a person by key, a dialog by id. */

const KEY = /^#?([1-9]\d{0,9})$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const MIN_NAME_LETTERS = 2;
export const MAX_NAME_LETTERS = 64;

export function personKeyIn(text: string): number | null {
  const found = KEY.exec(text.trim());
  return found ? Number(found[1]) : null;
}

export function dialogIdIn(text: string): string | null {
  const id = text.trim().toLowerCase();
  return UUID.test(id) ? id : null;
}

/** What to look for among names; null when the text is none. */
export function nameIn(text: string): string | null {
  const name = text.trim();
  if (personKeyIn(name) !== null || dialogIdIn(name) !== null) return null;
  const { length } = name.replace(/^@/, '');
  return length >= MIN_NAME_LETTERS && name.length <= MAX_NAME_LETTERS ? name : null;
}
