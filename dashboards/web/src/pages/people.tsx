/** A person as the account may see them: by name, else by the pseudonymous key. */

import type { Person } from '../api/types';

export type People = Readonly<Record<string, Person>>;

export function nameOf(people: People, key: number): string {
  const person = people[String(key)];
  return person?.name ?? (person?.username ? `@${person.username}` : `#${key}`);
}

interface Props {
  readonly people: People;
  readonly userKey: number;
  /** Without the @name, where there is little room. */
  readonly isShort?: boolean;
}

export function PersonName({ people, userKey, isShort = false }: Props) {
  const person = people[String(userKey)];
  const handle = !isShort && person?.name && person.username ? `@${person.username}` : null;
  return (
    <span className="person">
      {nameOf(people, userKey)}
      {handle && <span className="note minor"> {handle}</span>}
    </span>
  );
}
