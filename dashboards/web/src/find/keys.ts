/** Keyboard shortcuts: which keys do what. Knows no page and no React. */

import { ADMIN_PAGES, PAGES } from '../app/pages';

export type Command = { readonly name: 'find' | 'keys' } | GoTo;
export interface GoTo {
  readonly name: 'go';
  readonly path: string;
  readonly isForAdmins: boolean;
}

type Key = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey'>;

/** After G. The letters are places of the keyboard, so that they hold in any layout. */
const LETTERS: Readonly<Record<string, string>> = {
  overview: 'O',
  users: 'U',
  dialogs: 'D',
  turns: 'T',
  models: 'M',
  retention: 'R',
  quality: 'Q',
  accounts: 'A',
  audit: 'L',
};

export function letterOf(page: string): string | undefined {
  return LETTERS[page];
}

/** How long a G waits for its letter. */
const PATIENCE_MILLISECONDS = 1500;

/** Turns pressed keys into commands. */
export class KeyReader {
  #startedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly now: () => number = Date.now) {}

  /** The command that a key completes; null while there is none. */
  read(key: Key, singleKeys: boolean): Command | null {
    if (key.code === 'KeyK' && (key.ctrlKey || key.metaKey) && !key.altKey) return { name: 'find' };
    if (!singleKeys || key.ctrlKey || key.metaKey || key.altKey) return null;
    const isAfterG = this.now() - this.#startedAt < PATIENCE_MILLISECONDS;
    this.#startedAt = Number.NEGATIVE_INFINITY;
    if (isAfterG) return goTo(key.code);
    if (key.code === 'KeyG') this.#startedAt = this.now();
    // In the Russian layout the key of the slash writes a full stop, and a comma.
    const isSlashOf = (letter: string) => key.code === 'Slash' && key.key === letter;
    if (key.key === '/' || isSlashOf('.')) return { name: 'find' };
    return key.key === '?' || isSlashOf(',') ? { name: 'keys' } : null;
  }
}

function goTo(code: string): GoTo | null {
  const isOf = ({ key }: { readonly key: string }) => code === `Key${LETTERS[key]}`;
  const page = PAGES.find(isOf) ?? ADMIN_PAGES.find(isOf);
  if (!page) return null;
  return { name: 'go', path: page.path, isForAdmins: ADMIN_PAGES.some(isOf) };
}

/** Whether a key pressed there is text, or belongs to a dialog. */
export function isTaken(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return target.closest('input, select, textarea, [contenteditable], [role="dialog"]') !== null;
}
