/** Registering: each field says what is wrong with it, in the language of the form. */

import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { checkRegistration } from '../src/session/registration';
import { playing } from './answers';
import { problem, renderApp } from './world';

const GOOD = { username: 'bob', password: 'correct horse battery', adminToken: 'operator' };

describe('what can be said before asking', () => {
  it.each([
    [{}, {}],
    [{ username: '' }, { username: 'empty' }],
    [{ username: 'ab' }, { username: 'usernameShort' }],
    [{ username: 'a'.repeat(65) }, { username: 'usernameLong' }],
    [{ username: 'two words' }, { username: 'usernameLetters' }],
    [{ username: 'Ёж_1@x.y' }, {}],
    [{ password: '' }, { password: 'empty' }],
    [{ password: 'short' }, { password: 'passwordShort' }],
    [{ password: 'é'.repeat(600) }, { password: 'passwordLong' }],
    [{ password: 'my BOB is here' }, { password: 'passwordHasName' }],
    [{ password: 'aaaaaaaaaaaa' }, { password: 'passwordEasy' }],
    [{ adminToken: '' }, { adminToken: 'empty' }],
  ])('about %j', (part, found) => {
    expect(checkRegistration({ ...GOOD, ...part })).toEqual(found);
  });
});

async function register(answer: Response | null, part: Partial<typeof GOOD> = {}) {
  const own = answer ? { '/api/v1/auth/register': answer } : {};
  const world = await renderApp({ isSignedIn: false, language: 'ru', play: playing(own) });
  await userEvent.click(screen.getByRole('button', { name: /Нет учётной записи/ }));
  const fields = { ...GOOD, ...part };
  for (const [label, value] of [
    ['Имя пользователя', fields.username],
    ['Пароль', fields.password],
    ['Токен регистрации', fields.adminToken],
  ] as const) {
    if (value) await userEvent.type(screen.getByLabelText(label), value);
  }
  await userEvent.click(screen.getByRole('button', { name: 'Зарегистрироваться' }));
  return world;
}

/** A refusal as the API renders it, about one part of the request. */
function refusal(...where: readonly string[]): Response {
  return Response.json(
    { code: 'invalid_request', message: 'In English.', details: [{ where, problem: 'English' }] },
    { status: 422 },
  );
}

describe('a registration that is refused', () => {
  it.each([
    [problem(400, 'username_taken', 'Taken.'), 'Имя пользователя', 'Это имя уже занято.'],
    [
      problem(400, 'weak_password', 'Password: too easy to guess.'),
      'Пароль',
      'Такой пароль слишком легко угадать.',
    ],
    [
      problem(400, 'weak_password', 'Password: must not contain the username.'),
      'Пароль',
      'Пароль не должен содержать имя пользователя.',
    ],
    [problem(403, 'wrong_admin_token'), 'Токен регистрации', /Токен регистрации неверен/],
    [refusal('body', 'username'), 'Имя пользователя', 'API не принимает это значение.'],
    [refusal('body', 'admin_token'), 'Токен регистрации', 'API не принимает это значение.'],
  ])('says it at its field, keeps what was typed and leads there', async (answer, label, text) => {
    await register(answer);
    const field = screen.getByLabelText(label);
    await waitFor(() => expect(field).toBeInvalid());
    expect(field).toHaveAccessibleDescription(expect.stringMatching(text));
    expect(field).toHaveFocus();
    expect(screen.getByLabelText('Имя пользователя')).toHaveValue('bob');
    expect(screen.getByLabelText('Пароль')).toHaveValue(GOOD.password);
    expect(field.closest('form')).not.toHaveTextContent(/English|Taken|easy to/);
  });

  it('is not sent while something is missing', async () => {
    const { requests } = await register(null, { username: '', adminToken: '' });
    expect(screen.getAllByText('Заполните это поле.')).toHaveLength(2);
    expect(screen.getByLabelText('Имя пользователя')).toHaveFocus();
    expect(requests).toHaveLength(0);
  });

  it('is said in the language that is chosen afterwards', async () => {
    await register(problem(400, 'username_taken', 'Taken.'));
    await screen.findByText('Это имя уже занято.');
    await userEvent.click(screen.getByRole('radio', { name: 'English' }));
    expect(await screen.findByText('This username is taken.')).toBeVisible();
  });

  it('for another reason says it once and keeps the focus', async () => {
    await register(problem(503));
    await waitFor(() => expect(screen.getByRole('alert')).not.toBeEmptyDOMElement());
    expect(screen.getByRole('button', { name: 'Зарегистрироваться' })).toHaveFocus();
  });
});

describe('the entry page', () => {
  it('shows the password on request, keeps it in the other form, and has titles', async () => {
    await renderApp({ isSignedIn: false, play: playing() });
    expect(document.title).toBe('Sign in · Dialytics');
    await userEvent.type(screen.getByLabelText('Username'), 'ann');
    const password = screen.getByLabelText('Password');
    await userEvent.type(password, 'secret words');
    await userEvent.click(screen.getByRole('button', { name: 'Show' }));
    expect(password).toHaveAttribute('type', 'text');
    await userEvent.click(screen.getByRole('button', { name: 'Hide' }));
    expect(password).toHaveAttribute('type', 'password');
    await userEvent.click(screen.getByRole('button', { name: /No account yet/ }));
    expect(document.title).toBe('Register · Dialytics');
    expect(screen.getByLabelText('Username')).toHaveValue('ann');
    expect(screen.getByLabelText('Password')).toHaveValue('secret words');
    await userEvent.click(screen.getByRole('button', { name: /Have an account/ }));
    expect(screen.getByLabelText('Username')).toHaveValue('ann');
  });

  it('gives an address that leads nowhere a title', async () => {
    await renderApp({ path: '/nowhere', play: playing() });
    await waitFor(() => expect(document.title).toBe('Page not found · Dialytics'));
  });
});
