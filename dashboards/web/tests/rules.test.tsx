/** Rules of operators: on the page of a person, and all of them for administrators. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { playing } from './answers';
import { renderApp } from './world';

const rule = (id: number, kind: string, part = {}) => ({
  id,
  subject: 'person',
  user_key: 42,
  name: 'Ann Lee',
  username: 'ann',
  dialog_id: null,
  kind,
  until: null,
  is_active: true,
  daily_messages: null,
  monthly_messages: null,
  daily_usd: null,
  monthly_usd: null,
  models: null,
  reason: '',
  author: 'boss',
  author_id: 1,
  set_at: '2026-11-30T08:00:00Z',
  ...part,
});

async function at(
  path: string,
  scopes: readonly string[],
  rules: readonly object[] = [],
  own: Parameters<typeof playing>[0] = {},
) {
  const world = await renderApp({
    path,
    scopes,
    play: playing({
      '/api/v1/admin/rules': ({ method }) =>
        method === 'PUT' ? rule(9, 'ban') : { rules, next_before: null },
      '/api/v1/admin/rules/5': () => new Response(null, { status: 204 }),
      '/api/v1/admin/accounts': { accounts: [] },
      '/api/v1/admin/keys': { keys: [] },
      '/api/v1/admin/invitations': { invitations: [], next_before: null, not_inviting: [] },
      ...own,
    }),
  });
  const bodies = () =>
    Promise.all(
      world.requests.filter((sent) => sent.method === 'PUT').map((sent) => sent.clone().json()),
    );
  return { ...world, bodies };
}

async function form() {
  await userEvent.click(await screen.findByRole('button', { name: 'New rule' }));
  const dialog = within(await screen.findByRole('dialog'));
  const save = () => userEvent.click(dialog.getByRole('button', { name: 'Continue' }));
  return {
    ...dialog,
    choose: (name: string) => userEvent.click(dialog.getByRole('radio', { name })),
    save,
    confirm: async (action: string) => {
      await save();
      await userEvent.click(await dialog.findByRole('button', { name: action }));
    },
  };
}

describe('rules about people', () => {
  it('are hidden from who may not manage people', async () => {
    const { requests } = await at('/people/42', ['stats:read', 'names:read']);
    await screen.findByRole('heading', { name: 'Since the first turn' });
    expect(screen.queryByRole('heading', { name: 'Rules' })).toBeNull();
    expect(requests.some((sent) => sent.url.includes('/admin/'))).toBe(false);
  });

  it('are listed with their terms, and ended after asking once more', async () => {
    const { requests } = await at(
      '/people/42',
      ['stats:read', 'people:manage'],
      [
        rule(5, 'ban', { until: '2026-12-01T08:00:00Z', reason: 'spam' }),
        rule(6, 'limits', { daily_messages: 50, daily_usd: 0.5 }),
        rule(7, 'allow', { is_active: false }),
      ],
    );
    const table = await screen.findByRole('table', { name: 'Rules' });
    const rows = within(table).getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getByRole('rowheader').textContent)).toEqual([
      'Pause',
      'Limits',
    ]);
    expect(rows[0]).toHaveTextContent(/until .*spam/);
    expect(rows[1]).toHaveTextContent('Messages a day: 50 · US dollars a day: 0.5');
    await userEvent.click(within(table).getByRole('button', { name: 'End the pause' }));
    await userEvent.click(within(table).getByRole('button', { name: 'End the pause' }));
    await waitFor(() => expect(requests.some((sent) => sent.method === 'DELETE')).toBe(true));
  });

  it('ban and pause a person', async () => {
    const { bodies } = await at('/people/42', ['stats:read', 'people:manage']);
    await screen.findByRole('heading', { name: 'Ann Lee', level: 1 });
    const ban = await form();
    await userEvent.type(ban.getByLabelText('Reason'), 'spam');
    await ban.save();
    expect(ban.getByText(/^No answers for Ann Lee .* until the ban is lifted/)).toHaveFocus();
    expect(await bodies()).toEqual([]);
    await userEvent.click(ban.getByRole('button', { name: 'Back' }));
    expect(ban.getByLabelText('Reason')).toHaveValue('spam');
    await ban.confirm('Ban Ann Lee');
    const pause = await form();
    await pause.choose('Pause');
    await pause.confirm('Pause Ann Lee');
    await waitFor(async () => expect(await bodies()).toHaveLength(2));
    const [banned, paused] = await bodies();
    expect(banned).toEqual({ kind: 'ban', subject: { user_key: 42 }, reason: 'spam' });
    expect(Date.parse(paused.until) - Date.now()).toBeGreaterThan(86_000_000);
  });

  it('are made for everyone, with what is wrong said beside the field', async () => {
    const { bodies } = await at('/accounts', ['stats:read', 'admin']);
    const dialog = await form();
    await dialog.choose('Limits');
    await userEvent.type(dialog.getByLabelText('About'), 'bob');
    await dialog.save();
    expect(dialog.getByLabelText('About')).toHaveAccessibleDescription(/Enter everyone/);
    expect(dialog.getByLabelText('Messages a day')).toHaveAccessibleDescription(/at least one/);
    await userEvent.clear(dialog.getByLabelText('About'));
    await userEvent.type(dialog.getByLabelText('About'), 'everyone');
    await userEvent.type(dialog.getByLabelText('US dollars a day, each person'), '0,5');
    await userEvent.type(dialog.getByLabelText('Messages a month, each person'), '-3');
    await dialog.save();
    expect(dialog.getByLabelText('Messages a month, each person')).toBeInvalid();
    await userEvent.clear(dialog.getByLabelText('Messages a month, each person'));
    await dialog.save();
    expect(
      dialog.getByText(/^Limits for everyone .*US dollars a day, each person: 0.5/),
    ).toBeVisible();
    await userEvent.click(dialog.getByRole('button', { name: 'Set limits for everyone' }));
    await waitFor(async () => expect(await bodies()).toHaveLength(1));
    expect((await bodies())[0]).toEqual({
      kind: 'limits',
      subject: { role: 'everyone' },
      reason: '',
      daily_usd: 0.5,
    });
  });

  it('are made about an @name or a Telegram id', async () => {
    const found: Record<string, readonly object[]> = {
      '@ann': [{ user_key: 42, name: 'Ann', username: 'ann', rules: [] }],
      '@two': [{ user_key: 1 }, { user_key: 2 }],
    };
    const { bodies } = await at('/accounts', ['stats:read', 'names:read', 'admin'], [], {
      '/api/v1/admin/people/find': async (request: Request) => ({
        people: found[(await request.json()).username] ?? [],
        is_complete: true,
      }),
    });
    const dialog = await form();
    const about = dialog.getByLabelText('About');
    for (const [text, problem] of [
      ['42', /a person as #42/],
      ['@nobody', /Nobody with this @name/],
      ['@two', /Several people/],
    ] as const) {
      await userEvent.clear(about);
      await userEvent.type(about, text);
      await dialog.save();
      await waitFor(() => expect(about).toHaveAccessibleDescription(problem));
    }
    expect(await bodies()).toEqual([]);
    await userEvent.clear(about);
    await userEvent.type(about, '@ann');
    await dialog.confirm('Ban Ann');
    const next = await form();
    await userEvent.type(next.getByLabelText('About'), '123456789');
    await next.confirm('Ban 123456789');
    await waitFor(async () => expect(await bodies()).toHaveLength(2));
    expect((await bodies()).map((body) => body.subject)).toEqual([
      { user_key: 42 },
      { telegram_id: 123456789 },
    ]);
  });

  it('are made and ended at the head of a person, which says since when and by whom', async () => {
    const { requests } = await at(
      '/people/42',
      ['stats:read', 'people:manage'],
      [
        rule(5, 'ban', { until: '2026-12-01T08:00:00Z', reason: 'spam' }),
        rule(6, 'limits', { daily_messages: 50 }),
        rule(7, 'allow', { is_active: false }),
      ],
    );
    await screen.findByRole('heading', { name: 'Ann Lee', level: 1 });
    const head = within(document.querySelector('.page-head') as HTMLElement);
    const states = within(await head.findByRole('list', { name: 'Rules' })).getAllByRole(
      'listitem',
    );
    expect(states).toHaveLength(2);
    expect(states[0]).toHaveTextContent(/^Paused since .* by boss, until .*: spam/);
    expect(states[1]).toHaveTextContent(/^Own limits since .* by boss \(Messages a day: 50\)/);
    for (let press = 0; press < 2; press++) {
      await userEvent.click(head.getByRole('button', { name: 'End the pause' }));
    }
    await waitFor(() => expect(requests.some((sent) => sent.method === 'DELETE')).toBe(true));
    await userEvent.click(head.getByRole('button', { name: 'Ban or limit' }));
    expect(await screen.findByRole('dialog', { name: 'New rule for Ann Lee' })).toBeVisible();
  });

  it('give a person models of their own', async () => {
    const { bodies } = await at('/accounts', ['admin']);
    const dialog = await form();
    await dialog.choose('Models');
    await userEvent.type(dialog.getByLabelText('About'), '#42');
    await userEvent.type(dialog.getByLabelText('Models'), 'a/small, a/large');
    await dialog.confirm('Set models for #42');
    await waitFor(async () => expect(await bodies()).toHaveLength(1));
    expect((await bodies())[0]).toMatchObject({
      subject: { user_key: 42 },
      models: ['a/small', 'a/large'],
    });
  });
});
