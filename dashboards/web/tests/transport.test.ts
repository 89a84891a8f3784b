import { describe, expect, it, vi } from 'vitest';
import { ApiError, describe as explain, mayPass, Unreachable } from '../src/api/errors';
import { Transport } from '../src/api/transport';
import { Session } from '../src/session/session';
import { ACCOUNT, problem } from './world';

const URL_ = 'http://localhost/api/v1/stats';

function transport(answers: (Response | Error | DOMException)[], capacity = 10) {
  const session = new Session();
  session.begin(ACCOUNT);
  const seen: Request[] = [];
  const fetch = vi.fn(async (request: RequestInfo | URL) => {
    seen.push(request as Request);
    const answer = answers.shift();
    if (answer && !(answer instanceof Response)) throw answer;
    return answer ?? Response.json({});
  });
  return { session, seen, transport: new Transport({ fetch, session, capacity }) };
}

const tagged = (etag: string, body: object) => Response.json(body, { headers: { ETag: etag } });
const unchanged = () => new Response(null, { status: 304 });

describe('Transport', () => {
  it('says that a script asks, so that no browser opens a dialog of its own', async () => {
    const { transport: way, seen } = transport([]);
    await way.send(new Request(URL_));
    expect(seen[0]?.headers.get('X-Requested-With')).toBe('XMLHttpRequest');
    expect(seen[0]?.headers.get('Authorization')).toBeNull();
  });

  it('answers a 304 with what it remembers', async () => {
    const { transport: way, seen } = transport([tagged('"a"', { n: 1 }), unchanged()]);
    expect(await (await way.send(new Request(URL_))).json()).toEqual({ n: 1 });
    expect(await (await way.send(new Request(URL_))).json()).toEqual({ n: 1 });
    expect(seen[1]?.headers.get('If-None-Match')).toBe('"a"');
  });

  it('takes the age of an unchanged answer from the 304, never from what it remembers', async () => {
    const aged = (minute: number) => ({
      lag_seconds: minute,
      data_through: `2026-03-18T20:0${minute}:00Z`,
      newest_through: `2026-03-18T20:1${minute}:00Z`,
      snapshot: `1.${minute}`,
    });
    const headers = {
      'X-Lag-Seconds': '2',
      'X-Data-Through': aged(2).data_through,
      'X-Newest-Through': aged(2).newest_through,
      'X-Snapshot': aged(2).snapshot,
    };
    const { transport: way } = transport([
      tagged('W/"a"', { ...aged(1), n: 1 }),
      new Response(null, { status: 304, headers }),
      unchanged(),
    ]);
    await way.send(new Request(URL_));
    expect(await (await way.send(new Request(URL_))).json()).toEqual({ ...aged(2), n: 1 });
    const unstated = await (await way.send(new Request(URL_))).json();
    expect(unstated).toMatchObject({ n: 1, data_through: null, lag_seconds: null });
  });

  it('remembers each question apart, and the longest unused one leaves first', async () => {
    const { transport: way, seen } = transport(
      [tagged('"a"', {}), tagged('"b"', {}), tagged('"c"', {})],
      2,
    );
    for (const name of ['a', 'b', 'c', 'a', 'c']) {
      await way.send(new Request(`${URL_}?q=${name}`));
    }
    expect(seen.map((request) => request.headers.get('If-None-Match'))).toEqual([
      null,
      null,
      null,
      null,
      '"c"',
    ]);
  });

  it('forgets everything when asked to', async () => {
    const { transport: way, seen } = transport([tagged('"a"', {})]);
    await way.send(new Request(URL_));
    way.forget();
    await way.send(new Request(URL_));
    expect(seen[1]?.headers.get('If-None-Match')).toBeNull();
  });

  it('ends the session when its cookie is refused', async () => {
    const { transport: way, session } = transport([problem(401)]);
    await expect(way.send(new Request(URL_))).rejects.toMatchObject({ status: 401 });
    expect(session.state.status).toBe('expired');
  });

  it('asks for no answers when the session has ended', async () => {
    const { transport: way, session, seen } = transport([]);
    session.expire();
    await expect(way.send(new Request(URL_))).rejects.toMatchObject({ status: 401 });
    expect(seen).toEqual([]);
  });

  it('keeps a newer session when an old question is refused', async () => {
    const { transport: way, session } = transport([problem(401)]);
    const asked = way.send(new Request(URL_));
    session.begin({ ...ACCOUNT, sessionId: 8 });
    await expect(asked).rejects.toBeInstanceOf(ApiError);
    expect(session.state).toMatchObject({ status: 'active', sessionId: 8 });
  });

  it('tells an error of the API with its code, request and wait', async () => {
    const { transport: way } = transport([problem(429, 'rate_limited', 'Slow down.')]);
    await expect(way.send(new Request(URL_))).rejects.toMatchObject({
      status: 429,
      code: 'rate_limited',
      message: 'Slow down.',
      requestId: 'request-1',
      retryAfterSeconds: 7,
    });
  });

  it('understands an error that is not of the API', async () => {
    const { transport: way } = transport([
      new Response('<html>', { status: 502, statusText: 'Bad Gateway' }),
    ]);
    await expect(way.send(new Request(URL_))).rejects.toMatchObject({
      status: 502,
      code: 'unknown',
      message: 'Bad Gateway',
      requestId: null,
      retryAfterSeconds: null,
    });
  });

  it('tells a missing API from a question that was given up', async () => {
    const abort = new DOMException('given up', 'AbortError');
    const { transport: way } = transport([new TypeError('Failed to fetch'), abort]);
    await expect(way.send(new Request(URL_))).rejects.toBeInstanceOf(Unreachable);
    await expect(way.send(new Request(URL_))).rejects.toBe(abort);
  });

  it('follows the clock of the API', async () => {
    const ahead = new Date(Date.now() + 3_600_000).toUTCString();
    const { transport: way } = transport([Response.json({}, { headers: { Date: ahead } })]);
    await way.send(new Request(URL_));
    expect(Math.abs(way.now() - Date.now() - 3_600_000)).toBeLessThan(2000);
  });
});

describe('errors', () => {
  it.each([
    [401, 'session', false],
    [403, 'forbidden', false],
    [404, 'refused', false],
    [422, 'refused', false],
    [429, 'busy', true],
    [500, 'unknown', true],
    [503, 'unavailable', true],
  ])('%i is told as %s', (status, key, passes) => {
    const error = new ApiError(status, 'c', 'm', 'r', null);
    expect(explain(error)).toEqual({ key, requestId: 'r' });
    expect(mayPass(error)).toBe(passes);
  });

  it('tells that nothing was published yet, which is no failure', () => {
    const error = new ApiError(503, 'not_published_yet', 'm', 'r', 5);
    expect(explain(error)).toEqual({ key: 'counting', requestId: null });
    expect(mayPass(error)).toBe(false);
  });

  it('has words for what is no answer and for what nobody expected', () => {
    expect(explain(new Unreachable(null)).key).toBe('unreachable');
    expect(explain(new Error('?')).key).toBe('unknown');
    expect(mayPass(new Unreachable(null))).toBe(true);
  });
});
