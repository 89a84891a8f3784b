/** What the API asks of a registration, and which field it refuses. No React, no texts. */

import { ApiError } from '../api/errors';

export const PROBLEMS = [
  'empty',
  'usernameShort',
  'usernameLong',
  'usernameLetters',
  'usernameTaken',
  'passwordShort',
  'passwordLong',
  'passwordHasName',
  'passwordEasy',
  'wrongToken',
  'refused',
] as const;
export type ProblemKey = (typeof PROBLEMS)[number];
export type FieldName = 'username' | 'password' | 'adminToken';

export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly adminToken: string;
}

const MIN_USERNAME = 3;
const MAX_USERNAME = 64;
export const MIN_PASSWORD = 10;
const MAX_PASSWORD_BYTES = 1024;
const USERNAME = /^[\p{L}\p{N}_.@-]+$/u;

type Found = Partial<Record<FieldName, ProblemKey>>;

/** What can be said without asking the API. It may still refuse, as a password that is common. */
export function checkRegistration({ username, password, adminToken }: Registration): Found {
  return withoutNone({
    username: usernameProblem(username),
    password: passwordProblem(password, username),
    adminToken: adminToken ? null : 'empty',
  });
}

function usernameProblem(username: string): ProblemKey | null {
  const letters = [...username].length;
  if (letters === 0) return 'empty';
  if (!USERNAME.test(username)) return 'usernameLetters';
  if (letters < MIN_USERNAME) return 'usernameShort';
  return letters > MAX_USERNAME ? 'usernameLong' : null;
}

/** What is wrong with a new password of a name; '' when the name is not known. */
export function passwordProblem(password: string, username: string): ProblemKey | null {
  const letters = [...password];
  if (letters.length === 0) return 'empty';
  if (letters.length < MIN_PASSWORD) return 'passwordShort';
  const bytes = new TextEncoder().encode(password.normalize('NFKC')).length;
  if (bytes > MAX_PASSWORD_BYTES) return 'passwordLong';
  const hasName = username !== '' && password.toLowerCase().includes(username.toLowerCase());
  if (hasName) return 'passwordHasName';
  return new Set(letters).size < MIN_PASSWORD / 2 ? 'passwordEasy' : null;
}

function withoutNone(found: Record<FieldName, ProblemKey | null>): Found {
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== null));
}

/** The fields that the API refuses; empty when the failure is about none of them. */
export function refusedFields(error: unknown): Found {
  if (!(error instanceof ApiError)) return {};
  if (error.code === 'username_taken') return { username: 'usernameTaken' };
  if (error.code === 'wrong_admin_token') return { adminToken: 'wrongToken' };
  if (error.code === 'weak_password') return { password: weakness(error.message) };
  const names = error.places.map((place) => FIELDS[place.at(-1) ?? '']);
  return Object.fromEntries(names.flatMap((name) => (name ? [[name, 'refused']] : [])));
}

const FIELDS: Readonly<Record<string, FieldName | undefined>> = {
  username: 'username',
  password: 'password',
  admin_token: 'adminToken',
};

function weakness(message: string): ProblemKey {
  if (message.includes('contain the username')) return 'passwordHasName';
  if (message.includes('at least')) return 'passwordShort';
  return message.includes('at most') ? 'passwordLong' : 'passwordEasy';
}
