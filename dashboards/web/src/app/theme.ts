/** Light, dark, or as the system says; remembered on this machine. */

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'dialytics.theme';

export function readTheme(storage: Pick<Storage, 'getItem'>): Theme {
  return THEMES.find((theme) => theme === storage.getItem(KEY)) ?? 'auto';
}

export function applyTheme(theme: Theme, root: HTMLElement): void {
  if (theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function keepTheme(theme: Theme, storage: Pick<Storage, 'setItem'>): void {
  storage.setItem(KEY, theme);
}
