/** The box that finds everything, and the keyboard. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { dialogIdIn, nameIn, personKeyIn } from '../src/find/exact';
import { isTaken, KeyReader } from '../src/find/keys';
import { dialog, playing } from './answers';
import { renderApp } from './world';

const key = (code: string, written: string, held: object = {}) => ({
  code,
  key: written,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...held,
});

describe('keys', () => {
  it.each([
    [key('KeyK', 'k', { ctrlKey: true }), { name: 'find' }],
    [key('KeyK', 'л', { metaKey: true }), { name: 'find' }],
    [key('Slash', '/'), { name: 'find' }],
    [key('Digit7', '/'), { name: 'find' }],
    [key('Slash', '.'), { name: 'find' }],
    [key('Slash', '?'), { name: 'keys' }],
    [key('Slash', ','), { name: 'keys' }],
    [key('Period', '.'), null],
    [key('Slash', '-'), null],
    [key('KeyK', 'k'), null],
  ])('%o ask in any layout', (pressed, command) => {
    expect(new KeyReader().read(pressed, true)).toEqual(command);
  });

  it('go to a page after a G, for a moment', () => {
    let now = 0;
    const reader = new KeyReader(() => now);
    const pressG = () => expect(reader.read(key('KeyG', 'g'), true)).toBeNull();
    pressG();
    const models = { name: 'go', path: '/models', isForAdmins: false };
    expect(reader.read(key('KeyM', 'm'), true)).toEqual(models);
    expect(reader.read(key('KeyM', 'm'), true)).toBeNull();
    pressG();
    now = 2000;
    expect(reader.read(key('KeyM', 'm'), true)).toBeNull();
    pressG();
    expect(reader.read(key('KeyL', 'д'), true)).toMatchObject({ isForAdmins: true });
  });

  it('without Ctrl are text where text is written, and can be switched off', () => {
    expect(new KeyReader().read(key('Slash', '/'), false)).toBeNull();
    document.body.innerHTML = '<input id="in"><div role="dialog"><p id="of"></p></div><p id="on">';
    onTestFinished(() => document.body.replaceChildren());
    const at = (id: string) => isTaken(document.getElementById(id));
    expect([at('in'), at('of'), at('on')]).toEqual([true, true, false]);
  });
});

describe('a text', () => {
  it('is a key, the id of a dialog, or a part of a name', () => {
    expect([personKeyIn(' #42 '), personKeyIn('42'), personKeyIn('0'), personKeyIn('42b')]).toEqual(
      [42, 42, null, null],
    );
    expect(dialogIdIn(dialog.dialog_id.toUpperCase())).toBe(dialog.dialog_id);
    expect([nameIn('an'), nameIn(' @jü '), nameIn('@j'), nameIn('42')]).toEqual([
      'an',
      '@jü',
      null,
      null,
    ]);
  });
});

const BOX = { name: 'Find anything' };

const VIEWS = [
  {
    id: 3,
    name: 'Weekly failures',
    address: '/turns?f=is,status,failed',
    is_shared: true,
    owner: 'bob',
    is_own: false,
    updated_at: '2026-03-01T00:00:00Z',
  },
];

async function open(scopes: readonly string[] = ['stats:read']) {
  const find = vi.fn(async (request: Request) => {
    const { text } = (await request.json()) as { text: string };
    const people = text === 'Zo' ? [{ user_key: 9, name: 'Zoë Day', username: 'zoe' }] : [];
    return { people, is_complete: true };
  });
  await renderApp({
    path: '/users?period=month',
    scopes,
    play: playing({
      '/api/v1/people/find': find,
      '/api/v1/views': { views: VIEWS },
    }),
  });
  await screen.findByRole('heading', { name: 'Users' });
  await userEvent.keyboard('{Control>}k{/Control}');
  return { find, box: await screen.findByRole('combobox', BOX) };
}

describe('the box', () => {
  it('finds a page, which keeps the view', async () => {
    const { box } = await open();
    await userEvent.type(box, 'models{Enter}');
    expect(await screen.findByRole('heading', { name: 'Models & costs' })).toBeVisible();
    expect(window.location.search).toBe('?period=month');
    expect(screen.queryByRole('combobox', BOX)).toBeNull();
  });

  it('finds a metric, and leads to its chart', async () => {
    const { box } = await open();
    await userEvent.type(box, 'failure rate{Enter}');
    expect(await screen.findByRole('combobox', { name: 'Metric of the chart' })).toHaveDisplayValue(
      'Failure rate',
    );
    expect(window.location.search).toBe('?period=month&metric=error_rate');
  });

  it('finds a person by a part of the name, for those who may see names', async () => {
    const { box, find } = await open(['stats:read', 'names:read']);
    await userEvent.type(box, 'Zo');
    await screen.findByText('Zoë Day');
    await userEvent.keyboard('{Enter}');
    expect(window.location.pathname).toBe('/people/9');
    expect(find).toHaveBeenCalledTimes(1);
  });

  it('finds people by their key alone for others, and says why', async () => {
    const { box, find } = await open();
    await userEvent.type(box, 'Zo');
    expect(await screen.findByText(/you need the scope names:read/)).toBeVisible();
    await userEvent.clear(box);
    await userEvent.type(box, '#42{Enter}');
    expect(window.location.pathname).toBe('/people/42');
    expect(find).not.toHaveBeenCalled();
  });

  it('finds a dialog by its id', async () => {
    const { box } = await open();
    await userEvent.type(box, `${dialog.dialog_id}{Enter}`);
    expect(window.location.pathname).toBe(`/dialogs/${dialog.dialog_id}`);
  });

  it('finds a saved view', async () => {
    const { box } = await open();
    await screen.findByText('Weekly failures');
    await userEvent.type(box, 'weekly{Enter}');
    expect(await screen.findByRole('heading', { name: 'Turns' })).toBeVisible();
    expect(window.location.search).toBe('?f=is,status,failed');
  });

  it('does what the page can do, and changes language and theme', async () => {
    const { box } = await open();
    const found = screen.getByRole('listbox');
    expect(within(found).getByText('Save as CSV: Top users')).toBeInTheDocument();
    await userEvent.type(box, 'dark{Enter}');
    expect(document.documentElement.dataset.theme).toBe('dark');
    await userEvent.keyboard('/');
    await userEvent.type(await screen.findByRole('combobox', BOX), 'Русский{Enter}');
    await waitFor(() => expect(document.documentElement.lang).toBe('ru'));
  });
});

describe('the sheet of shortcuts', () => {
  it('is opened by a question mark, and switches single keys off', async () => {
    await renderApp({ path: '/users', play: playing() });
    await screen.findByRole('heading', { name: 'Users' });
    await userEvent.keyboard('?');
    const sheet = await screen.findByRole('dialog', { name: 'Keyboard shortcuts' });
    expect(within(sheet).getByText('Retention')).toBeVisible();
    await userEvent.click(within(sheet).getByRole('switch', { name: 'Shortcuts without Ctrl' }));
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await userEvent.keyboard('gm?');
    expect(window.location.pathname).toBe('/users');
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});
