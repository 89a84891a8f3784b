/** The pages and their addresses, in the order of the sidebar. */

import type { IconName } from '../ui/Icon';

export const PAGES = [
  { key: 'overview', path: '/' },
  { key: 'users', path: '/users' },
  { key: 'dialogs', path: '/dialogs' },
  { key: 'turns', path: '/turns' },
  { key: 'models', path: '/models' },
  { key: 'retention', path: '/retention' },
  { key: 'quality', path: '/quality' },
  { key: 'alerts', path: '/alerts' },
] as const satisfies readonly { key: IconName; path: string }[];

/** For administrators. */
export const ADMIN_PAGES = [
  { key: 'accounts', path: '/accounts' },
  { key: 'audit', path: '/audit' },
] as const satisfies readonly { key: IconName; path: string }[];

/** Addresses beside the list of pages. */
export const ACCOUNT = { path: '/account' } as const;
export const INVITATION = { path: '/register' } as const;
export const RESET = { path: '/reset' } as const;

export type PageKey = (typeof PAGES)[number]['key'];
