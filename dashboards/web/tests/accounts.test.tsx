/** The pages of accounts: the own one, and those of administrators. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { asArguments, readFilter, writeFilter } from '../src/accounts/auditFilter';
import { browserName } from '../src/accounts/browserName';
import { isReachable } from '../src/accounts/places';
import { playing } from './answers';
import { current, type Options, type Play, problem, renderApp } from './world';

const ADMIN = ['admin', 'stats:read'];
const CHROME =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36';

const account = (id: number, username: string, part = {}) => ({
  id,
  username,
  scopes: ['stats:read'],
  created_at: '2026-01-02T10:00:00Z',
  disabled_at: null,
  ...part,
});

const key = (id: number, label: string, part = {}) => ({
  id,
  account_id: 1,
  username: 'ann',
  label,
  beginning: 'dly_kN3w8Q',
  scopes: ['stats:read'],
  rate_limit: null,
  created_at: '2026-01-02T10:00:00Z',
  expires_at: '2027-01-02T10:00:00Z',
  last_used_at: null,
  revoked_at: null,
  ...part,
});

const session = (id: number, part = {}) => ({
  id,
  created_at: '2026-11-30T08:00:00Z',
  expires_at: '2026-11-30T20:00:00Z',
  last_used_at: null,
  address: '192.0.2.7',
  user_agent: CHROME,
  is_current: false,
  ...part,
});

const event = (id: number, kind: string, part = {}) => ({
  id,
  occurred_at: '2026-11-30T08:00:00Z',
  kind,
  actor_id: 1,
  actor: 'ann',
  address: '192.0.2.7',
  occurrences: 1,
  request_id: null,
  details: {},
  ...part,
});

const invitation = (id: number, part = {}) => ({
  id,
  kind: 'account',
  label: 'Team',
  beginning: 'dli_kN3w8Q',
  scopes: ['stats:read'],
  max_uses: 5,
  uses: 2,
  state: 'valid',
  created_by: 'ann',
  created_at: '2026-11-30T08:00:00Z',
  expires_at: '2026-12-07T08:00:00Z',
  revoked_at: null,
  ...part,
});

const DONE = () => new Response(null, { status: 204 });

const OWN: Record<string, Play | object> = {
  '/api/v1/auth/me': { ...account(1, 'ann'), method: 'session', session_id: 7 },
  '/api/v1/auth/sessions': { sessions: [session(7, { is_current: true }), session(6)] },
  '/api/v1/keys': { keys: [key(2, 'old', { revoked_at: '2026-02-02T10:00:00Z' }), key(3, 'ETL')] },
  '/api/v1/about': {
    version: '0.1.0',
    releases: [],
    grafana_url: 'https://grafana.example.org/',
    dagster_url: null,
  },
  '/api/v1/admin/accounts': {
    accounts: [
      account(1, 'ann', { scopes: ADMIN }),
      account(2, 'bob', { scopes: ['names:read', 'stats:read'] }),
      account(3, 'eve', { disabled_at: '2026-05-05T10:00:00Z' }),
    ],
  },
  '/api/v1/admin/invitations': {
    invitations: [invitation(1), invitation(2, { label: 'Past', state: 'used_up' })],
    next_before: null,
    not_inviting: [],
  },
  '/api/v1/admin/keys': { keys: [key(3, 'ETL', { username: 'bob' })] },
};

async function at(path: string, own: Record<string, Play | object> = {}, more: Options = {}) {
  const world = await renderApp({ path, play: playing({ ...OWN, ...own }), ...more });
  const sent = (method: string, route: string) =>
    world.requests.find((found) => found.method === method && found.url.endsWith(route));
  return { ...world, sent };
}

const press = (name: string | RegExp) => userEvent.click(screen.getByRole('button', { name }));

describe('the own account', () => {
  it('says who I am, what I may see and who grants the rest', async () => {
    await at('/account');
    expect(await screen.findByRole('heading', { name: 'Your account' })).toBeVisible();
    expect(screen.getByRole('link', { name: 'ann' })).toHaveAttribute('href', '/account');
    await screen.findByText('names:read');
    const items = screen.getAllByRole('listitem');
    const lines = items.map((item) => item.textContent ?? '');
    expect(lines.find((line) => line.includes('stats:read'))).toContain('Granted');
    expect(lines.find((line) => line.includes('names:read'))).toContain('Not granted');
    expect(screen.getByText(/grant ann names:read/)).toBeVisible();
  });

  it('leads to what this browser can open', async () => {
    await at('/account');
    expect(await screen.findByRole('link', { name: 'Grafana' })).toHaveAttribute(
      'href',
      'https://grafana.example.org/',
    );
    expect(screen.getByRole('link', { name: 'API documentation' })).toHaveAttribute(
      'href',
      '/docs',
    );
    expect(screen.queryByRole('link', { name: 'Dagster' })).toBeNull();
  });

  it('ends one session after asking once more, and never the current one', async () => {
    const { sent } = await at('/account', { '/api/v1/auth/sessions/6/end': DONE });
    const table = await screen.findByRole('table', { name: 'Sessions' });
    expect(within(table).getAllByText('Chrome, Linux')).toHaveLength(2);
    await press('End: Chrome, Linux');
    expect(sent('POST', '/auth/sessions/6/end')).toBeUndefined();
    await press('Cancel');
    expect(screen.getByRole('button', { name: 'End: Chrome, Linux' })).toHaveFocus();
    await press('End: Chrome, Linux');
    await press('End');
    await waitFor(() => expect(sent('POST', '/auth/sessions/6/end')).toBeDefined());
  });

  it('signs out everywhere', async () => {
    const { sent } = await at('/account', { '/api/v1/auth/sessions/end': DONE });
    await screen.findByRole('table', { name: 'Sessions' });
    await press('Sign out everywhere');
    await press('Sign out everywhere');
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(sent('POST', '/auth/sessions/end')).toBeDefined();
  });

  it('makes a key, shows it once and lists it', async () => {
    const made = { ...key(4, 'Grafana'), key: 'dly_secret' };
    const { sent } = await at('/account', {
      '/api/v1/keys': ({ method }) => (method === 'POST' ? made : OWN['/api/v1/keys']) as object,
    });
    await screen.findByRole('table', { name: 'API keys' });
    await press('New key');
    const form = await screen.findByRole('dialog', { name: 'New key' });
    await userEvent.click(within(form).getByRole('button', { name: 'Create key' }));
    expect(within(form).getByLabelText('Name')).toBeInvalid();
    // Only what the account itself may do can be given.
    expect(within(form).getAllByRole('checkbox')).toHaveLength(1);
    await userEvent.type(within(form).getByLabelText('Name'), 'Grafana');
    await userEvent.click(within(form).getByRole('button', { name: 'Create key' }));
    const shown = await screen.findByRole('dialog', { name: 'Grafana' });
    expect(within(shown).getByLabelText('Key')).toHaveValue('dly_secret');
    const request = sent('POST', '/api/v1/keys');
    expect(await request?.json()).toEqual({
      label: 'Grafana',
      scopes: ['stats:read'],
      expires_in_days: 365,
    });
    await userEvent.click(within(shown).getByRole('button', { name: 'Close' }));
    expect(screen.queryByDisplayValue('dly_secret')).toBeNull();
  });

  it('revokes a key, and says why it could not', async () => {
    await at('/account', { '/api/v1/keys/3/revoke': problem(503) });
    const table = await screen.findByRole('table', { name: 'API keys' });
    const rows = within(table).getAllByRole('row').slice(1);
    expect(rows.map((row) => within(row).getByRole('rowheader').textContent)).toEqual([
      'ETLdly_kN3w8Q…',
      'olddly_kN3w8Q…',
    ]);
    expect(screen.queryByRole('button', { name: 'Revoke: old' })).toBeNull();
    await press('Revoke: ETL');
    await press('Revoke');
    expect(await within(table).findByRole('alert')).toHaveTextContent(/temporarily unavailable/);
  });

  it('changes the password and stays signed in', async () => {
    const {
      requests,
      sent,
      session: state,
    } = await at('/account', {
      '/api/v1/auth/password': DONE,
      '/api/v1/auth/session': ({ method }) => (method === 'POST' ? {} : current()),
    });
    await userEvent.type(await screen.findByLabelText('Current password'), 'old horse battery');
    await userEvent.type(screen.getByLabelText('New password'), 'correct horse battery');
    await press('Change password');
    expect(await screen.findByText(/has been changed/)).toBeVisible();
    expect(await sent('POST', '/auth/password')?.json()).toEqual({
      current_password: 'old horse battery',
      new_password: 'correct horse battery',
    });
    expect(await sent('POST', '/auth/session')?.json()).toEqual({
      username: 'ann',
      password: 'correct horse battery',
    });
    expect(state.state.status).toBe('active');
    expect(screen.getByLabelText('Current password')).toHaveValue('');
    // The other sessions are gone from the list.
    const listed = requests.filter(({ url }) => url.endsWith('/auth/sessions'));
    expect(listed).toHaveLength(2);
  });

  it('keeps the session when the current password is wrong', async () => {
    const { session: state } = await at('/account', {
      '/api/v1/auth/password': problem(401, 'invalid_credentials'),
    });
    await userEvent.type(await screen.findByLabelText('Current password'), 'wrong');
    await userEvent.type(screen.getByLabelText('New password'), 'correct horse battery');
    await press('Change password');
    expect(await screen.findByText('This is not your current password.')).toBeVisible();
    expect(state.state.status).toBe('active');
  });
});

describe('administrators', () => {
  const admin = { scopes: ADMIN };

  it('have their pages in the sidebar, others have not', async () => {
    const { unmount } = await at('/', {}, admin);
    const list = screen.getByRole('list', { name: 'Administration' });
    expect(within(list).getByRole('link', { name: 'Audit trail' })).toBeVisible();
    unmount();
    await at('/');
    expect(screen.queryByRole('list', { name: 'Administration' })).toBeNull();
  });

  it('grant scopes', async () => {
    const { sent } = await at(
      '/accounts',
      { '/api/v1/admin/accounts/2/scopes': account(2, 'bob') },
      admin,
    );
    await userEvent.click(await screen.findByRole('button', { name: 'Manage bob' }));
    await userEvent.click(screen.getByRole('checkbox', { name: /texts:read/ }));
    await press('Save permissions');
    expect(await screen.findByText('Saved. It applies at once.')).toBeVisible();
    expect(await sent('PUT', '/accounts/2/scopes')?.json()).toEqual({
      scopes: ['stats:read', 'names:read', 'texts:read'],
    });
  });

  it('cannot take their own administration away', async () => {
    const { sent } = await at(
      '/accounts',
      {
        '/api/v1/admin/accounts/1/scopes': account(1, 'ann'),
        '/api/v1/auth/session': current({ scopes: ADMIN }),
      },
      admin,
    );
    await userEvent.click(await screen.findByRole('button', { name: 'Manage ann' }));
    expect(screen.getByRole('checkbox', { name: /Administration/ })).toBeDisabled();
    expect(screen.queryByRole('button', { name: 'Disable' })).toBeNull();
    await press('Save permissions');
    await screen.findByText('Saved. It applies at once.');
    expect(await sent('PUT', '/accounts/1/scopes')?.json()).toEqual({
      scopes: ['stats:read', 'admin'],
    });
  });

  it('make a link that resets a password', async () => {
    const link = 'http://localhost/reset#token=dlr_x';
    await at(
      '/accounts',
      {
        '/api/v1/admin/accounts/2/reset': {
          link,
          token: 'dlr_x',
          expires_at: '2026-11-30T12:30:00Z',
        },
      },
      admin,
    );
    await userEvent.click(await screen.findByRole('button', { name: 'Manage bob' }));
    await press('Create a password reset link');
    expect(await screen.findByLabelText('Password reset link')).toHaveValue(link);
  });

  it.each([
    ['bob', 'Disable', '/accounts/2/disable'],
    ['bob', 'End all sessions', '/accounts/2/sessions/end'],
    ['eve', 'Enable', '/accounts/3/enable'],
  ])('%s: %s', async (name, action, route) => {
    const { sent } = await at('/accounts', { [`/api/v1/admin${route}`]: account(2, name) }, admin);
    await userEvent.click(await screen.findByRole('button', { name: `Manage ${name}` }));
    await press(action);
    await press(action);
    await waitFor(() => expect(sent('POST', route)).toBeDefined());
  });

  it.each([
    ['Dashboard', 'account', { scopes: ['stats:read'] }, 'Link', '/register#invitation=dli_x'],
    ['Bot', 'bot', {}, 'Message to the bot', '/start dli_x'],
    ['Bot', 'bot', {}, 'Link', 'https://t.me/helper_bot?start=dli_x'],
  ])('invite to: %s', async (kind, code, scopes, label, shown) => {
    const links = code === 'bot' ? ['https://t.me/helper_bot?start=dli_x'] : [];
    const made = {
      ...invitation(3, { kind: code }),
      code: 'dli_x',
      links,
      not_inviting: code === 'bot' ? [{ username: 'helper_bot', access_mode: 'open' }] : [],
    };
    const { sent } = await at(
      '/accounts',
      {
        '/api/v1/admin/invitations': ({ method }) =>
          (method === 'POST' ? made : OWN['/api/v1/admin/invitations']) as object,
      },
      admin,
    );
    await userEvent.click(await screen.findByRole('button', { name: 'New invitation' }));
    const form = screen.getByRole('dialog');
    await userEvent.click(within(form).getByRole('radio', { name: kind }));
    await userEvent.type(within(form).getByLabelText('Name'), 'Team');
    const uses = within(form).getByLabelText('How many may use it');
    await userEvent.clear(uses);
    await userEvent.click(within(form).getByRole('button', { name: 'Create invitation' }));
    expect(uses).toBeInvalid();
    await userEvent.type(uses, '20');
    await userEvent.click(within(form).getByRole('button', { name: 'Create invitation' }));
    const field = await screen.findByLabelText(label);
    expect((field as HTMLInputElement).value.endsWith(shown)).toBe(true);
    const notice = screen.queryByText(/@helper_bot answers everyone/);
    expect(notice !== null).toBe(code === 'bot');
    expect(await sent('POST', '/invitations')?.json()).toEqual({
      kind: code,
      label: 'Team',
      max_uses: 20,
      expires_in_hours: 168,
      ...scopes,
    });
  });

  it('are told in which bots an invitation has no effect', async () => {
    const not_inviting = [
      { username: 'open_bot', access_mode: 'open' },
      { username: 'list_bot', access_mode: 'allow-list' },
    ];
    const answer = { invitations: [], next_before: null, not_inviting };
    await at('/accounts', { '/api/v1/admin/invitations': answer }, admin);
    const card = within(await screen.findByRole('region', { name: 'Invitations' }));
    expect(await card.findByText(/@open_bot answers everyone/)).toBeVisible();
    expect(
      card.getByText(/@list_bot answers only the accounts in ACCESS_ALLOWED_IDS/),
    ).toBeVisible();
  });

  it('end a single session of another account', async () => {
    const { sent } = await at(
      '/accounts',
      {
        '/api/v1/admin/accounts/2/sessions': { sessions: [session(11), session(12)] },
        '/api/v1/admin/accounts/2/sessions/12/end': DONE,
      },
      admin,
    );
    await userEvent.click(await screen.findByRole('button', { name: 'Manage bob' }));
    const [, second] = await screen.findAllByRole('button', { name: 'End: Chrome, Linux' });
    await userEvent.click(second as HTMLElement);
    await press('End');
    await waitFor(() => expect(sent('POST', '/accounts/2/sessions/12/end')).toBeDefined());
  });

  it('revoke an invitation that is still valid', async () => {
    const { sent } = await at(
      '/accounts',
      { '/api/v1/admin/invitations/1/revoke': invitation(1, { state: 'revoked' }) },
      admin,
    );
    const table = await screen.findByRole('table', { name: 'Invitations' });
    expect(within(table).getAllByText('2 of 5')).toHaveLength(2);
    expect(within(table).queryByRole('button', { name: 'Revoke: Past' })).toBeNull();
    await press('Revoke: Team');
    await press('Revoke');
    await waitFor(() => expect(sent('POST', '/invitations/1/revoke')).toBeDefined());
  });

  it('read who did what, narrow it and save it', async () => {
    const pages = [
      {
        events: [
          event(9, 'scopes_changed', { details: { after: ['admin'], before: [], account_id: 2 } }),
        ],
        next_before: 9,
      },
      {
        events: [
          event(8, 'novel_kind', { actor: null, occurrences: 3, details: { some_count: 2 } }),
          event(7, 'person_banned', { details: { user_key: 5, by_user_key: 42 } }),
        ],
        next_before: null,
      },
    ];
    const { requests } = await at(
      '/audit?who=ann',
      {
        '/api/v1/admin/audit': ({ url }) =>
          (url.includes('before=9') ? pages[1] : pages[0]) as object,
      },
      admin,
    );
    const table = await screen.findByRole('table', { name: 'Audit trail' });
    expect(within(table).getByText('Permissions changed')).toBeVisible();
    expect(
      await within(table).findByText('account: bob · before: none · after: admin'),
    ).toBeVisible();
    await press('Show more');
    expect(await within(table).findByText('novel_kind × 3')).toBeVisible();
    expect(within(table).getByText('some count: 2')).toBeVisible();
    const operator = within(table).getByRole('link', { name: '#42' });
    expect(operator).toHaveAttribute('href', '/people/42');
    expect(operator.parentElement).toHaveTextContent('operator: #42 · person: #5');
    expect(screen.getByRole('link', { name: 'All as CSV' })).toHaveAttribute(
      'href',
      '/api/v1/admin/audit?who=ann&format=csv',
    );
    // The list is hidden until its button is pressed, which this browser cannot show.
    const kind = (name: string) => screen.getByRole('checkbox', { name, hidden: true });
    await userEvent.click(kind('Sign-in failed'));
    expect(screen.getByRole('button', { name: 'What Sign-in failed' })).toBeVisible();
    await userEvent.click(kind('Exported'));
    expect(screen.getByRole('button', { name: 'What 2 kinds of events' })).toBeVisible();
    await press('Apply');
    const narrowed = '/audit?who=ann&what=login_failed&what=export';
    await waitFor(() => expect(requests.some(({ url }) => url.endsWith(narrowed))).toBe(true));
    expect(window.location.search).toBe('?who=ann&what=login_failed&what=export');
    expect(kind('Exported')).toBeChecked();
    expect(screen.getByRole('link', { name: 'All as CSV' })).toHaveAttribute(
      'href',
      '/api/v1/admin/audit?who=ann&what=login_failed&what=export&format=csv',
    );
    await userEvent.type(screen.getByLabelText('Person'), '#42');
    await press('Apply');
    const about = '/audit?who=ann&what=login_failed&what=export&user_key=42';
    await waitFor(() => expect(requests.some(({ url }) => url.endsWith(about))).toBe(true));
    await press('Clear');
    expect(window.location.search).toBe('');
  });

  it('are told when they are none (any more)', async () => {
    const refused = Response.json(
      { code: 'missing_scope', message: 'No.', details: [{ scope: 'admin' }], request_id: 'r' },
      { status: 403 },
    );
    await at('/audit', { '/api/v1/admin/audit': refused });
    expect(await screen.findByText(/can grant the scope admin/)).toBeVisible();
  });
});

describe('small things', () => {
  it.each([
    [CHROME, 'Chrome, Linux'],
    ['Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140.0', 'Edge, Windows'],
    ['Mozilla/5.0 (iPhone; CPU OS 18) Version/18 Mobile Safari/604', 'Safari, iPhone'],
    ['python-httpx/0.28', 'python-httpx/0.28'],
    ['', ''],
  ])('%s is %s', (text, name) => {
    expect(browserName(text)).toBe(name);
  });

  it.each([
    ['http://127.0.0.1:3001', 'localhost', true],
    ['http://127.0.0.1:3001', 'stats.example.org', false],
    ['http://[::1]:3001', '192.168.0.5', false],
    ['https://grafana.example.org', 'stats.example.org', true],
    [null, 'localhost', false],
  ])('%s can be opened on a page of %s: %s', (url, page, expected) => {
    expect(isReachable(url, page)).toBe(expected);
  });

  it('read a filter from an address, write it back and ask with whole days', () => {
    const filter = readFilter('?who=ann&what=nonsense&from=2026-11-01&to=2026-13-45');
    expect(filter).toEqual({ who: 'ann', what: [], user_key: '', from: '2026-11-01', to: '' });
    expect(writeFilter(filter)).toBe('?who=ann&from=2026-11-01');
    const { since, until } = asArguments({ ...filter, to: '2026-11-01' });
    expect(Date.parse(until ?? '') - Date.parse(since ?? '')).toBe(86_400_000);
  });
});
