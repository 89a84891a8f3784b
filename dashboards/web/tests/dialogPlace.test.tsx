/** Where a dialog is opened: at its newest texts, or at the turn that a link is about. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { ANSWERS, dialog, playing, turn } from './answers';
import { renderApp } from './world';

const TURN = turn.turn_id;
const TEXTS = `/api/v1/dialogs/${dialog.dialog_id}/text`;
const SCOPES = ['stats:read', 'texts:read'];

const said = (id: string, turnId: string) => ({
  id,
  turn_id: turnId,
  user_key: 42,
  role: 'user',
  text: `text ${id}`,
  is_withheld: false,
  created_at: '2026-03-10T10:00:00Z',
});

/** Texts 1 to 6, of which a page has two; text 4 is of the turn. */
function texts({ url }: Request): object {
  const { searchParams } = new URL(url);
  const page = (first: number) => ({
    dialog_id: dialog.dialog_id,
    chat_type: 'private',
    started_at: '2026-03-10T10:00:00Z',
    closed_at: null,
    people: {},
    messages: [first, first + 1].map((id) => said(String(id), id === 4 ? TURN : 'other')),
    previous_before: first > 1 ? String(first) : null,
    next_after: first < 5 ? String(first + 1) : null,
  });
  const [before, after] = [searchParams.get('before'), searchParams.get('after')];
  if (before) return page(Number(before) - 2);
  if (after) return page(Number(after) + 1);
  if (searchParams.get('turn') === TURN) return page(3);
  return page(searchParams.get('newest') === 'true' ? 5 : 1);
}

const words = () => screen.getAllByText(/^text \d$/).map((one) => one.textContent);
const press = (name: string) => userEvent.click(screen.getByRole('button', { name }));

describe('a dialog', () => {
  it('is opened at its newest texts, with the older ones above', async () => {
    await renderApp({ path: '/dialogs', scopes: SCOPES, play: playing({ [TEXTS]: texts }) });
    await userEvent.click(await screen.findByRole('button', { name: /Read the dialog/ }));
    await press('Open and record');
    await screen.findByText('text 6');
    expect(words()).toEqual(['text 5', 'text 6']);
    expect(screen.getByRole('region', { name: 'Text' })).toHaveFocus();
    expect(screen.queryByRole('button', { name: 'Show newer messages' })).toBeNull();
    await press('Show older messages');
    await waitFor(() => expect(words()).toEqual(['text 3', 'text 4', 'text 5', 'text 6']));
    await press('Show older messages');
    await waitFor(() => expect(words()).toHaveLength(6));
    expect(screen.queryByRole('button', { name: 'Show older messages' })).toBeNull();
  });

  it('is opened at the turn of a list, which is marked there and in its texts', async () => {
    const scroll = vi.spyOn(Element.prototype, 'scrollIntoView');
    const answer = ANSWERS['/api/v1/stats/turns'] as { readonly turns: readonly object[] };
    const others = [{ ...turn, turn_id: '0b8f9a4e-0000-4000-8000-0000000000bb' }];
    await renderApp({
      path: '/turns?period=month',
      scopes: SCOPES,
      play: playing({
        [TEXTS]: texts,
        // In its dialog the turn is on the second page.
        '/api/v1/stats/turns': ({ url }) => {
          if (!url.includes('dialog')) return { ...answer, turns: [turn], next_cursor: null };
          return url.includes('cursor')
            ? { ...answer, turns: [turn], next_cursor: null }
            : { ...answer, turns: others, next_cursor: 'page-2' };
        },
      }),
    });
    const table = await screen.findByRole('table', { name: 'Turns, newest first' });
    await userEvent.click(within(table).getByRole('link', { name: /Mar 10/ }));
    expect(window.location.search).toBe(`?period=month&turn=${TURN}`);
    const row = await screen.findByRole('row', { current: true });
    expect(scroll.mock.contexts).toContain(row);
    await userEvent.click(within(row).getByRole('button', { name: /Mar 10/ }));
    await press('Open and record');
    const own = await screen.findByText('text 4');
    expect(words()).toEqual(['text 3', 'text 4']);
    expect(own.closest('li')).toHaveAttribute('aria-current', 'true');
    expect(screen.getByText('text 3').closest('li')).not.toHaveAttribute('aria-current');
    await press('Show newer messages');
    await waitFor(() => expect(words()).toHaveLength(4));
  });
});
