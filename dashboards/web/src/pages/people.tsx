/** A person as the account may see them: by name, else by the pseudonymous key. */

import { useTranslation } from 'react-i18next';
import type { Person } from '../api/types';
import { useLinks } from '../filters/useFilters';
import { Clipped } from '../ui/Clipped';

export type People = Readonly<Record<string, Person>>;

// Letters that are drawn as nothing, and pictures of nothing.
const BLANKS = /[\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\uFFFC]/gu;
// Turns the text after it around, or breaks the line.
const CONTROLS = /[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu;

/** The text as one line without control characters; null when nothing of it can be seen. */
export function visible(text: string | null | undefined): string | null {
  if (!text || text.replace(BLANKS, '') === '') return null;
  return text.replace(CONTROLS, ' ').replace(/\s+/g, ' ').trim();
}

/** The key of all turns whose people chose not to be counted. */
const UNCOUNTED = 0;

export function nameOf(people: People, key: number): string {
  if (key === UNCOUNTED) return '–';
  const person = people[String(key)];
  const username = visible(person?.username);
  return visible(person?.name) ?? (username ? `@${username}` : `#${key}`);
}

interface Props {
  readonly people: People;
  readonly userKey: number;
  /** Without the @name, where there is little room. */
  readonly isShort?: boolean;
}

export function PersonName({ people, userKey, isShort = false }: Props) {
  const { t } = useTranslation();
  const links = useLinks();
  if (userKey === UNCOUNTED) return <span className="note">{t('dialogs.uncounted')}</span>;
  const person = people[String(userKey)];
  const username = visible(person?.username);
  const handle = !isShort && username && visible(person?.name) ? `@${username}` : null;
  return (
    <span className="person">
      <Clipped text={nameOf(people, userKey)} className="name" href={links.person(userKey)} />
      {handle && <Clipped text={handle} className="note minor" />}
    </span>
  );
}
