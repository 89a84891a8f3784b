/** The pages of links with a secret: a new password, an invitation. */

import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { playing } from './answers';
import { current, problem, renderApp } from './world';

const LINK = '/reset#token=dlr_secret';
const USED = '/api/v1/auth/reset';

async function set(password: string, answer: Response = new Response(null, { status: 204 })) {
  const play = playing({ [USED]: answer, '/api/v1/auth/session': { account: null } });
  const world = await renderApp({ path: LINK, isSignedIn: null, play });
  await userEvent.type(await screen.findByLabelText('New password'), password);
  await userEvent.click(screen.getByRole('button', { name: 'Set the password' }));
  return world;
}

describe('a link that resets a password', () => {
  it('sets it once and leaves the token in no address', async () => {
    const { requests } = await set('correct horse battery');
    expect(await screen.findByRole('status')).toHaveTextContent(/has been changed/);
    expect(window.location.href).not.toContain('dlr_');
    const used = requests.find(({ url }) => url.endsWith(USED));
    expect(await used?.json()).toEqual({
      token: 'dlr_secret',
      new_password: 'correct horse battery',
    });
    expect(requests.map(({ url }) => url).join()).not.toContain('dlr_');
    await userEvent.click(screen.getByRole('link', { name: 'Sign in' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  it.each([
    [problem(401, 'reset_invalid'), /not valid, has been used or has expired/],
    [problem(429), /Too many attempts/],
  ])('says why it could not', async (answer, text) => {
    await set('correct horse battery', answer);
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(text));
  });

  it.each([
    ['short', null, 'At least 10 characters.'],
    ['password12', problem(400, 'weak_password', 'Password: too easy.'), /too easy to guess/],
  ])('says what is wrong with the password', async (password, answer, text) => {
    const { requests } = await set(password, answer ?? undefined);
    const field = screen.getByLabelText('New password');
    await waitFor(() => expect(field).toHaveAccessibleDescription(expect.stringMatching(text)));
    expect(requests.some(({ url }) => url.endsWith(USED))).toBe(answer !== null);
  });

  it('without its token asks for a new one, also of who is signed in', async () => {
    await renderApp({ path: '/reset', play: playing() });
    expect(await screen.findByText(/An administrator can give you a new one/)).toBeVisible();
    expect(document.title).toBe('New password · Dialytics');
  });
});

describe('an invitation', () => {
  const register = async (answer: Response | object) => {
    const play = playing({
      '/api/v1/auth/register': answer,
      '/api/v1/auth/session': ({ method }) =>
        method === 'POST' ? {} : current({ username: 'bob' }),
    });
    const world = await renderApp({
      path: '/register#invitation=dli_secret',
      isSignedIn: false,
      play,
    });
    await userEvent.type(await screen.findByLabelText('Username'), 'bob');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse battery');
    expect(screen.queryByLabelText('Registration token')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Register' }));
    return world;
  };

  it('registers and leads to the overview', async () => {
    const { requests } = await register({});
    expect(await screen.findByRole('heading', { name: 'Overview' })).toBeVisible();
    expect(await requests[0]?.json()).toEqual({
      username: 'bob',
      password: 'correct horse battery',
      invitation: 'dli_secret',
    });
    expect(window.location.href).not.toContain('dli_');
  });

  it('that is no longer valid says so', async () => {
    await register(problem(403, 'wrong_invitation'));
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(/used up/));
  });

  it('without its code asks for a new one', async () => {
    await renderApp({ path: '/register', isSignedIn: false, play: playing() });
    expect(await screen.findByText(/An administrator can give you a new one/)).toBeVisible();
  });
});

describe('a page that has just been opened', () => {
  it('shows why it does not know who is signed in, and goes on by itself', async () => {
    const answers = [problem(503), problem(503), { account: null }];
    await renderApp({
      isSignedIn: null,
      play: playing({ '/api/v1/auth/session': () => answers.shift() ?? { account: null } }),
    });
    expect(await screen.findByText(/temporarily unavailable/)).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
  });
});
