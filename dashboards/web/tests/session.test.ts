import { describe, expect, it, vi } from 'vitest';
import { Session } from '../src/session/session';
import { ACCOUNT, Browser, createWorld, current, type Play, problem } from './world';

const PATIENCE = { timeout: 15_000 };
const WHO = '/api/v1/auth/session';

describe('Session', () => {
  it('is unknown at first, and tells each change', () => {
    const session = new Session();
    const told = vi.fn();
    const leave = session.subscribe(told);
    expect(session.state).toEqual({ status: 'unknown' });
    session.begin(ACCOUNT);
    expect(session.state).toEqual({ status: 'active', ...ACCOUNT });
    session.expire();
    expect(session.state).toEqual({ status: 'expired', ...ACCOUNT });
    session.end();
    leave();
    session.begin(ACCOUNT);
    expect(told).toHaveBeenCalledTimes(3);
  });

  it('that never was cannot expire', () => {
    const session = new Session();
    session.expire();
    expect(session.state.status).toBe('anonymous');
    session.expire();
    expect(session.state.status).toBe('anonymous');
  });
});

/** A tab whose API knows these accounts, one after another. */
async function tab(browser: Browser, ...found: (object | Response)[]) {
  const play: Play = ({ url }) =>
    new URL(url).pathname === WHO
      ? ((found.length > 1 ? found.shift() : found[0]) as object)
      : new Response(null, { status: 204 });
  return createWorld({ browser, play, isSignedIn: null });
}

const NOBODY = { account: null };

describe('a new tab', () => {
  it('has the session of the browser', async () => {
    const { api, session, requests } = await tab(new Browser(), current({ username: 'bob' }));
    await Promise.all([api.resume(), api.resume()]);
    expect(session.state).toMatchObject({ status: 'active', username: 'bob', sessionId: 7 });
    expect(requests.map(({ headers }) => headers.get('X-Requested-With'))).toEqual([
      'XMLHttpRequest',
    ]);
  });

  it.each([NOBODY, problem(401, 'session_over')])('of a stranger asks to sign in', async (none) => {
    const { api, session } = await tab(new Browser(), none);
    await api.resume();
    expect(session.state.status).toBe('anonymous');
  });

  it('knows nothing while the API is away', async () => {
    const { api, session } = await tab(new Browser(), problem(503), current());
    await expect(api.resume()).rejects.toMatchObject({ status: 503 });
    expect(session.state.status).toBe('unknown');
    await api.resume();
    expect(session.state.status).toBe('active');
  });
});

describe('two tabs', () => {
  it('are signed in and out together', async () => {
    const browser = new Browser();
    const [one, other] = [await tab(browser, current()), await tab(browser, NOBODY, current())];
    await other.api.resume();
    await one.api.signIn({ username: 'ann', password: 'x' });
    await vi.waitFor(() => expect(other.session.state.status).toBe('active'), PATIENCE);
    await other.api.signOut();
    expect(one.session.state.status).toBe('anonymous');
    expect(other.requests.at(-1)?.url).toContain('/auth/sessions/7/end');
  });

  it('ask for the password once when the session has ended', async () => {
    const browser = new Browser();
    const [one, other] = [await tab(browser, current()), await tab(browser, current())];
    for (const { api, session } of [one, other]) {
      await api.resume();
      session.expire();
    }
    await one.api.signIn({ username: 'ann', password: 'x' });
    await vi.waitFor(() => expect(other.session.state.status).toBe('active'), PATIENCE);
    await one.api.signOutEverywhere();
    expect(other.session.state.status).toBe('anonymous');
    expect(one.requests.at(-1)?.url).toContain('/auth/sessions/end');
  });

  it('stay signed in when the API could not end the session', async () => {
    const browser = new Browser();
    const other = await tab(browser, current());
    await other.api.resume();
    const one = await createWorld({ browser, play: () => problem(503) });
    await expect(one.api.signOut()).rejects.toMatchObject({ status: 503 });
    expect([one, other].map(({ session }) => session.state.status)).toEqual(['active', 'active']);
  });

  it.each([401, 404])('take an end that was already (%i) for one', async (status) => {
    const one = await createWorld({ play: () => problem(status) });
    await one.api.signOut();
    expect(one.session.state.status).toBe('anonymous');
  });
});

describe('a password', () => {
  it('that is wrong leaves the session as it is', async () => {
    const { api, session } = await createWorld({ play: () => problem(401, 'reset_invalid') });
    await expect(api.resetPassword('dlr_x', 'new words')).rejects.toMatchObject({ status: 401 });
    expect(session.state.status).toBe('active');
  });
});
