import { afterEach, describe, expect, it, vi } from 'vitest';
import { Session } from '../src/session/session';
import { GRANTED } from './world';

afterEach(() => void vi.useRealTimers());

const granted = (seconds: number) => ({ ...GRANTED, expiresAt: Date.now() + seconds * 1000 });

describe('Session', () => {
  it('begins anonymous', () => {
    expect(new Session(sessionStorage).state).toEqual({ status: 'anonymous' });
  });

  it('survives a reload of the tab', () => {
    new Session(sessionStorage).begin(granted(60));
    const after = new Session(sessionStorage);
    expect(after.token).toBe('token-1');
    expect(after.state).toMatchObject({ status: 'active', username: 'ann' });
  });

  it('never stores a password', () => {
    new Session(sessionStorage).begin(granted(60));
    const kept = JSON.parse(sessionStorage.getItem('dialytics.session') ?? '');
    expect(Object.keys(kept).sort()).toEqual(['expiresAt', 'scopes', 'token', 'username']);
    expect(localStorage).toHaveLength(0);
  });

  it('expires by itself when its time is over, and remembers who it was', () => {
    vi.useFakeTimers();
    const session = new Session(sessionStorage);
    const told = vi.fn();
    session.subscribe(told);
    session.begin(granted(60));
    vi.advanceTimersByTime(60_000);
    expect(session.state).toEqual({ status: 'expired', username: 'ann', scopes: ['stats:read'] });
    expect(session.token).toBeNull();
    expect(sessionStorage).toHaveLength(0);
    expect(told).toHaveBeenCalledTimes(2);
  });

  it('is expired when it is found too late', () => {
    sessionStorage.setItem('dialytics.session', JSON.stringify(granted(-1)));
    expect(new Session(sessionStorage).state.status).toBe('expired');
  });

  it('ends without a trace', () => {
    const session = new Session(sessionStorage);
    const told = vi.fn();
    const leave = session.subscribe(told);
    session.begin(granted(60));
    session.end();
    leave();
    session.expire();
    expect(session.state.status).toBe('anonymous');
    expect(sessionStorage).toHaveLength(0);
    expect(told).toHaveBeenCalledTimes(2);
  });

  it.each(['', 'null', '{', '{"token": 1}', '[]'])('takes %s in the storage for nobody', (text) => {
    sessionStorage.setItem('dialytics.session', text);
    expect(new Session(sessionStorage).state.status).toBe('anonymous');
  });

  it('is renewed two minutes before its end, again and again', async () => {
    vi.useFakeTimers();
    const session = new Session(sessionStorage);
    const renew = vi.fn(async () => session.begin({ ...granted(900), token: 'token-2' }));
    session.begin(granted(900));
    session.keepAlive(renew);
    await vi.advanceTimersByTimeAsync(779_000);
    expect(renew).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(renew).toHaveBeenCalledTimes(1);
    expect(session.token).toBe('token-2');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(session.state.status).toBe('active');
    expect(renew).toHaveBeenCalledTimes(5);
  });

  it('is renewed soon when it is found late, and after half of a short life', async () => {
    vi.useFakeTimers();
    sessionStorage.setItem('dialytics.session', JSON.stringify(granted(60)));
    const session = new Session(sessionStorage);
    const renew = vi.fn(async () => session.begin(granted(900)));
    session.keepAlive(renew);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it('tries again while the API is away, and expires when its time is over', async () => {
    vi.useFakeTimers();
    const session = new Session(sessionStorage);
    const renew = vi.fn(async () => Promise.reject(new Error('away')));
    session.begin(granted(900));
    session.keepAlive(renew);
    await vi.advanceTimersByTimeAsync(899_000);
    expect(session.state.status).toBe('active');
    expect(renew).toHaveBeenCalledTimes(8);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(session.state.status).toBe('expired');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(renew).toHaveBeenCalledTimes(8);
  });

  it('expires also while an answer is awaited', async () => {
    vi.useFakeTimers();
    const session = new Session(sessionStorage);
    session.begin(granted(900));
    session.keepAlive(() => new Promise(() => {}));
    await vi.advanceTimersByTimeAsync(900_000);
    expect(session.state.status).toBe('expired');
  });
});
