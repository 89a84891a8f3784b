/** Saved views: opened, saved, replaced, deleted. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { playing } from './answers';
import { problem, renderApp } from './world';

const view = (id: number, name: string, part: object = {}) => ({
  id,
  name,
  address: '/models?period=month',
  is_shared: false,
  owner: 'ann',
  is_own: true,
  updated_at: '2026-03-01T00:00:00Z',
  ...part,
});

async function open(views: readonly object[], answer: Response | object = {}) {
  const { requests } = await renderApp({
    path: '/users?period=month&metric=failed',
    play: playing({
      '/api/v1/views': ({ method }) => (method === 'POST' ? answer : { views }),
      '/api/v1/views/1': ({ method }) =>
        method === 'DELETE' ? new Response(null, { status: 204 }) : answer,
    }),
  });
  await userEvent.click(await screen.findByRole('button', { name: 'Views' }));
  const dialog = await screen.findByRole('dialog', { name: 'Saved views' });
  await within(dialog).findByLabelText('Save this view as');
  const sent = () => requests.filter(({ url }) => url.includes('/api/v1/views')).at(-1);
  return { dialog, requests, sent };
}

describe('saved views', () => {
  it('are opened by name, own and shared ones apart', async () => {
    const { dialog } = await open([
      view(1, 'Costs', { is_shared: true }),
      view(2, 'Of Bob', { is_own: false, is_shared: true, owner: 'bob' }),
    ]);
    expect(within(dialog).getAllByRole('button', { name: /^Delete/ })).toHaveLength(1);
    expect(within(dialog).getByText('by bob')).toBeVisible();
    await userEvent.click(within(dialog).getByRole('link', { name: 'Costs' }));
    expect(window.location.href).toMatch(/\/models\?period=month$/);
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('keep the address of the page, shared when that is asked for', async () => {
    const { dialog, requests } = await open([]);
    await userEvent.type(within(dialog).getByLabelText('Save this view as'), ' Failed ');
    await userEvent.click(within(dialog).getByRole('switch', { name: 'Share with all accounts' }));
    await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
    expect(await within(dialog).findByText('Saved.')).toBeVisible();
    const [post] = requests.filter(({ method }) => method === 'POST');
    expect(await post?.json()).toEqual({
      name: 'Failed',
      address: '/users?period=month&metric=failed',
      is_shared: true,
    });
  });

  it('replace the own one of the same name', async () => {
    const { dialog, requests } = await open([view(1, 'Costs')]);
    await userEvent.type(within(dialog).getByLabelText('Save this view as'), 'Costs');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Replace' }));
    await within(dialog).findByText('Saved.');
    expect(requests.some(({ method, url }) => method === 'PUT' && url.endsWith('/1'))).toBe(true);
  });

  it('are deleted after a question', async () => {
    const { dialog, requests } = await open([view(1, 'Costs')]);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Delete: Costs' }));
    await userEvent.click(within(dialog).getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(requests.some(({ method }) => method === 'DELETE')).toBe(true));
  });

  it('say why one cannot be saved', async () => {
    const { dialog } = await open([], problem(400, 'too_many_views'));
    await userEvent.type(within(dialog).getByLabelText('Save this view as'), 'One more');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Save' }));
    expect(await within(dialog).findByText(/can save 200 views/)).toBeVisible();
  });
});
