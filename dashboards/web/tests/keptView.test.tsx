/** Period, zone and filters go along from page to page, also past those that show none. */

import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { dialog, playing, turn } from './answers';
import { renderApp } from './world';

const OWN = {
  '/api/v1/admin/accounts': { accounts: [] },
  '/api/v1/admin/keys': { keys: [] },
  '/api/v1/admin/rules': { rules: [], next_before: null },
  '/api/v1/admin/invitations': { invitations: [], next_before: null, not_inviting: [] },
  '/api/v1/admin/audit': { events: [], next_before: null },
};
const VIEW = '?period=custom&from=2026-03-01&to=2026-03-09&tz=Europe%2FBerlin';

const menu = (name: string) =>
  within(screen.getByRole('navigation', { name: 'Pages' })).getByRole('link', { name });
const address = () => window.location.pathname + window.location.search;

async function at(path: string) {
  await renderApp({ path, scopes: ['stats:read', 'admin'], play: playing(OWN) });
  await screen.findByRole('navigation', { name: 'Pages' });
}

describe('the view', () => {
  it('goes past the pages without one, whose addresses mean something else', async () => {
    await at(`/users${VIEW}&f=is%2Cmodel%2Ca`);
    for (const [page, path] of [
      ['Accounts', '/accounts'],
      ['Audit trail', '/audit'],
    ] as const) {
      await userEvent.click(menu(page));
      expect(address()).toBe(path);
    }
    await userEvent.keyboard('ga');
    expect(address()).toBe('/accounts');
    await userEvent.click(menu('Models & costs'));
    expect(address()).toBe(`/models${VIEW}&f=is%2Cmodel%2Ca`);
  });

  it('keeps its filters past a dialog and a person, which are shown whole', async () => {
    await at(`/turns${VIEW}&f=is%2Cmodel%2Ca`);
    const table = await screen.findByRole('table', { name: 'Turns, newest first' });
    await userEvent.click(within(table).getByRole('link', { name: /Mar 10/ }));
    expect(address()).toBe(`/dialogs/${dialog.dialog_id}${VIEW}&turn=${turn.turn_id}`);
    expect(menu('Users')).toHaveAttribute('href', `/users${VIEW}&f=is%2Cmodel%2Ca`);
    await userEvent.click(
      (await screen.findAllByRole('link', { name: /@ann|Ann|#42/ }))[0] as Element,
    );
    expect(address()).toBe(`/people/42${VIEW}`);
    await userEvent.click(menu('Dialogs'));
    expect(address()).toBe(`/dialogs${VIEW}&f=is%2Cmodel%2Ca`);
  });
});
