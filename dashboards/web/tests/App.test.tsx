import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ANSWERS, days, dialog, model, playing, totals } from './answers';
import { current, type Play, problem, renderApp } from './world';

/** Of the period of the answers, as files are named after it. */
const DAYS = '2026-03-04_2026-03-10';

/** The session's route: the current account, or a login. */
const session = (login: Response | object = {}, found: object = current()): Play => {
  return ({ method }) => (method === 'POST' ? login : found);
};

async function fill(fields: Record<string, string>): Promise<void> {
  for (const [label, text] of Object.entries(fields)) {
    await userEvent.type(screen.getByLabelText(label), text);
  }
}

const asked = (requests: readonly Request[], path: string) =>
  requests.map((request) => new URL(request.url)).filter((url) => url.pathname === path);

describe('a stranger', () => {
  it('signs in and sees the overview', async () => {
    const { requests } = await renderApp({
      isSignedIn: false,
      play: playing({ '/api/v1/auth/session': session() }),
    });
    await fill({ Username: 'ann', Password: 'correct horse' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('heading', { name: 'Overview' })).toBeVisible();
    expect(await requests[0]?.json()).toEqual({ username: 'ann', password: 'correct horse' });
    expect([localStorage, sessionStorage].map((storage) => storage.length)).toEqual([0, 0]);
  });

  it('is told when the browser keeps no cookie', async () => {
    await renderApp({
      isSignedIn: false,
      play: playing({ '/api/v1/auth/session': session({}, { account: null }) }),
    });
    await fill({ Username: 'ann', Password: 'correct horse' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(/kept? no|not keep/));
    expect(screen.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  it.each([
    [problem(401, 'invalid_credentials'), 'Invalid username or password.'],
    [problem(429), 'Too many attempts. Try again in 7 s.'],
    [problem(503), 'Statistics are temporarily unavailable. The page retries by itself.'],
  ])('is told why signing in failed', async (answer, text) => {
    await renderApp({
      isSignedIn: false,
      play: playing({ '/api/v1/auth/session': session(answer) }),
    });
    await fill({ Username: 'ann', Password: 'wrong' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent(text));
    expect(screen.getByRole('button', { name: 'Sign in' })).toBeEnabled();
  });

  it('is told that the API is away', async () => {
    const { fetch } = await renderApp({ isSignedIn: false });
    fetch.mockRejectedValue(new TypeError('Failed to fetch'));
    await fill({ Username: 'ann', Password: 'x' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() =>
      expect(screen.getByRole('alert')).toHaveTextContent('The API does not answer.'),
    );
  });

  it('registers with the token of the operator', async () => {
    const { requests } = await renderApp({
      isSignedIn: false,
      play: playing({ '/api/v1/auth/register': {}, '/api/v1/auth/session': session() }),
    });
    await userEvent.click(screen.getByRole('button', { name: /No account yet/ }));
    await fill({
      Username: 'bob',
      Password: 'long enough password',
      'Registration token': 'operator',
    });
    await userEvent.click(screen.getByRole('button', { name: 'Register' }));
    expect(await screen.findByRole('heading', { name: 'Overview' })).toBeVisible();
    expect(await requests[0]?.json()).toEqual({
      username: 'bob',
      password: 'long enough password',
      admin_token: 'operator',
    });
  });
});

describe('the forecast', () => {
  it('is told beside a budget, which stays in the address', async () => {
    await renderApp({ path: '/models?period=month', play: playing() });
    const card = await screen.findByRole('region', { name: 'Cost this month' });
    await within(card).findByRole('slider');
    expect(card).toHaveTextContent(
      'Spent: $8.75. Forecast for the end: $40.00 (80% likely: $36.50 to',
    );
    await userEvent.type(within(card).getByLabelText('Budget, $'), '50{Enter}');
    expect(window.location.search).toBe('?period=month&budget=50');
    expect(card).toHaveTextContent('That is 80% of the budget.');
    expect(within(card).getByRole('button', { name: 'Budget' })).toBeVisible();
    const slider = within(card).getByRole('slider');
    expect(slider.getAttribute('aria-valuetext')).toBe(
      'Tue, Mar 31, Spent: –, Forecast: $40.00, Budget: $50.00',
    );
  });
});

describe('the limits of the bill', () => {
  const limit = {
    name: 'total_monthly_usd',
    username: null,
    period: 'month',
    period_start: '2026-03-01',
    limit_usd: 50,
    spent_usd: 8.8,
    stated_at: '2026-03-01T00:00:00Z',
  };
  const own = { ...limit, name: 'bot_daily_usd', username: 'helper_bot', period: 'day' };

  it('are told with what is spent and expected of them', async () => {
    const limits = [limit, { ...own, limit_usd: 2, spent_usd: 2.1 }];
    await renderApp({ path: '/models', play: playing({ '/api/v1/bill': { limits } }) });
    const card = await screen.findByRole('region', { name: 'Spending limits' });
    const [total, bot] = await within(card).findAllByRole('listitem');
    expect(total).toHaveTextContent('This month all bots $8.80 of $50.00 (17.6%)');
    await waitFor(() =>
      expect(total).toHaveTextContent('Forecast for the end of the month: $40.00'),
    );
    expect(total).toHaveTextContent('80% of the limit');
    expect(bot).toHaveTextContent(/^Today @helper_bot \$2.10 of \$2.00 \(105%\)Used up/);
    expect(bot).not.toHaveTextContent('Expected');
  });

  it('name the setting when there is none', async () => {
    await renderApp({ path: '/models', play: playing({ '/api/v1/bill': { limits: [] } }) });
    expect(await screen.findByText(/^No limit is set.*TOTAL_MONTHLY_USD_LIMIT/)).toBeVisible();
  });
});

describe('a model that is new', () => {
  it('is marked in the chart where its first turn was', async () => {
    const row = (day: string, model: string) => ({ dimensions: [day, model], metrics: [1] });
    await renderApp({
      play: playing({
        '/api/v1/query': {
          results: [row('2026-03-06', 'newcomer'), row('2026-03-06', 'fast-model')],
          has_more: false,
        },
      }),
    });
    await waitFor(() => expect(document.querySelectorAll('.plot .flag')).toHaveLength(1));
    const slider = screen.getByRole('slider', { name: /Activity/ });
    slider.focus();
    await userEvent.keyboard('{Home}{ArrowRight}{ArrowRight}');
    expect(slider.getAttribute('aria-valuetext')).toMatch(
      /^Fri, Mar 6, .*, First turn of newcomer$/,
    );
  });
});

describe('a release', () => {
  it('is marked in the chart where the first bot of it was started', async () => {
    const release = (version: string, started_at: string) => ({ version, started_at });
    await renderApp({
      play: playing({
        '/api/v1/about': {
          version: '1.2.3',
          grafana_url: null,
          dagster_url: null,
          releases: [
            release('1.2.3', '2026-03-06T09:00:05Z'),
            release('1.2.3', '2026-03-06T09:00:00Z'),
            release('1.2.2', '2025-03-06T09:00:00Z'),
          ],
        },
      }),
    });
    await waitFor(() => expect(document.querySelectorAll('.plot .flag')).toHaveLength(1));
    const slider = screen.getByRole('slider', { name: /Activity/ });
    slider.focus();
    await userEvent.keyboard('{Home}{ArrowRight}{ArrowRight}');
    expect(slider.getAttribute('aria-valuetext')).toMatch(/^Fri, Mar 6, .*, Version 1.2.3$/);
  });
});

describe('the overview', () => {
  it('answers in one sentence', async () => {
    await renderApp({ play: playing() });
    await waitFor(() =>
      expect(document.querySelector('.headline')).toHaveTextContent(
        '240 people used the bot in the last 7 days. That is 20% more than in the previous period' +
          ' (200). Cost: $12.50. slow-model has the highest failure rate: 8% (40 of 500 turns),' +
          ' all others 2%.',
      ),
    );
  });

  it('says how far apart models are of which none stands out', async () => {
    const models = [
      model('a', { failed: 10, error_rate: 0.02 }),
      model('b', { failed: 15, error_rate: 0.03 }),
      model('rare', { failed: 3, served_turns: 4, error_rate: 0.75 }),
    ];
    await renderApp({
      play: playing({ '/api/v1/stats/models': { models: { models, causes: [] } } }),
    });
    await waitFor(() =>
      expect(document.querySelector('.headline')).toHaveTextContent(
        '2.8% of turns failed (28 of 1,004). No model stands out (2% to 3%, which may be chance).',
      ),
    );
  });

  it('names the period that it compares with', async () => {
    await renderApp({ path: '/?with=weekdays', play: playing() });
    await waitFor(() =>
      expect(document.querySelector('.headline')).toHaveTextContent(
        'That is 20% more than on the same weekdays before (200).',
      ),
    );
  });

  it.each([
    [{ active_users: 300 }, 'That is 20% fewer than in the previous period (300).'],
    [{ active_users: 240 }, 'That is as many as in the previous period (240).'],
    [{ active_users: 0 }, 'Nobody used it in the previous period.'],
  ])('compares with %o', async (before, text) => {
    const answer = { ...(ANSWERS['/api/v1/stats'] as object) } as Record<string, unknown>;
    answer.summary = { current: totals({ cost_usd: null }), previous: totals(before) };
    await renderApp({
      play: playing({
        '/api/v1/stats': answer,
        '/api/v1/stats/models': { models: { models: [], causes: [] } },
      }),
    });
    await waitFor(() => expect(document.querySelector('.headline')).toHaveTextContent(text));
    await waitFor(() =>
      expect(document.querySelector('.headline')).toHaveTextContent('Cost: unknown.'),
    );
  });

  it.each([
    // Part of the week before, all of it, and the week before that of the first turn.
    ['2026-02-27', 'data from Feb 27', 'Not compared: the data begin on Feb 27.'],
    ['2026-02-24', 'vs 1,500', 'That is 20% more'],
    ['2026-03-05', 'data from Mar 5', 'Not compared: the data begin on Mar 5.'],
  ])('compares only with a period that the data from %s cover', async (day, figure, text) => {
    const known = ANSWERS['/api/v1/stats/freshness'] as { freshness: object };
    await renderApp({
      play: playing({
        '/api/v1/stats/freshness': { ...known, freshness: { ...known.freshness, first_day: day } },
      }),
    });
    const figures = await screen.findByRole('list', { name: 'Key figures' });
    await waitFor(() => expect(figures).toHaveTextContent(figure));
    expect(document.querySelector('.headline')).toHaveTextContent(text);
    if (figure.startsWith('data')) expect(document.querySelector('.delta')).toBeNull();
  });

  it.each([
    ['2026-03-09T11:00:00Z', '2026-03-09T12:00:00Z', 'from Mar 9, 14:00 to 15:00.'],
    ['2026-03-08T20:00:00Z', '2026-03-09T22:00:00Z', 'from Mar 8, 23:00 to Mar 10, 01:00.'],
    ['2026-03-08T21:00:00Z', '2026-03-09T21:00:00Z', 'on Mar 9.'],
    ['2026-03-03T21:00:00Z', '2026-03-09T21:00:00Z', 'from Mar 4 to Mar 9.'],
  ])('says the times of a period that is not of days: %s', async (since, until, text) => {
    const answer = ANSWERS['/api/v1/stats'] as { period: object };
    const period = { ...answer.period, name: 'custom', since, until };
    await renderApp({ play: playing({ '/api/v1/stats': { ...answer, period } }) });
    await waitFor(() =>
      expect(document.querySelector('.headline')).toHaveTextContent(
        `240 people used the bot ${text}`,
      ),
    );
  });

  it('shows the usual range of its chart, asked for what the page is narrowed to', async () => {
    const usual = {
      windows: days(7).map((since) => ({ since, until: since, low: 0, high: 120 })),
    };
    const { requests } = await renderApp({
      path: '/?metric=answers&f=is,model,fast-model',
      play: playing({ '/api/v1/alerts/usual': usual }),
    });
    await waitFor(() => expect(document.querySelectorAll('.plot .band')).toHaveLength(7));
    const [request] = requests.filter(({ url }) => url.endsWith('/alerts/usual'));
    expect(await request?.json()).toEqual({
      metric: 'answers',
      filters: [['is', 'model', ['fast-model']]],
      width: 'day',
      since: '2026-03-03T21:00:00Z',
      until: '2026-03-10T21:00:00Z',
      tz: 'Europe/Moscow',
    });
  });

  it('shows figures, activity, heatmap, dialogs and top users', async () => {
    await renderApp({ play: playing() });
    const figures = await screen.findByRole('list', { name: 'Key figures' });
    expect(within(figures).getAllByRole('listitem')).toHaveLength(6);
    expect(within(figures).getByText('vs 1,500')).toBeVisible();
    expect(screen.getByRole('slider', { name: /Activity/ })).toBeVisible();
    expect(await screen.findByRole('table', { name: 'When people write' })).toBeVisible();
    const dialogs = screen.getByRole('table', { name: 'Recent dialogs' });
    expect(within(dialogs).getByText('Ann Lee')).toBeVisible();
    expect(screen.getByRole('table', { name: 'Top users' })).toHaveTextContent('321');
  });

  it('keeps the period, the comparison and the zone in the address', async () => {
    const { requests } = await renderApp({ play: playing() });
    await screen.findByRole('list', { name: 'Key figures' });
    await userEvent.click(screen.getByRole('radio', { name: '30 days' }));
    await userEvent.click(screen.getByRole('switch', { name: 'Compare' }));
    await userEvent.selectOptions(screen.getByLabelText('Time zone'), 'UTC');
    expect(window.location.search).toBe('?period=month&tz=UTC&compare=0');
    await waitFor(() =>
      expect(asked(requests, '/api/v1/stats').at(-1)?.search).toBe(
        '?period=month&tz=UTC&compare=false',
      ),
    );
  });

  it('shows in the chart what is pressed among the key figures, and keeps it in the address', async () => {
    await renderApp({ play: playing() });
    const pressed = await screen.findByRole('button', { name: 'Show in the chart: Failure rate' });
    await userEvent.click(pressed);
    expect(window.location.search).toBe('?metric=error_rate');
    const chart = screen.getByRole('slider', { name: /Activity/ });
    expect(chart.getAttribute('aria-valuetext')).toContain('Failure rate: 1.1%');
    expect(screen.getByLabelText('Metric of the chart')).toHaveDisplayValue('Failure rate');
    await userEvent.click(pressed);
    expect(window.location.search).toBe('');
  });

  it('keeps the old numbers in place while the new ones are on their way', async () => {
    let release = (_: object) => {};
    const late = new Promise<object>((resolve) => {
      release = resolve;
    });
    await renderApp({
      play: playing({
        '/api/v1/stats': (request) =>
          request.url.includes('month') ? late : ANSWERS['/api/v1/stats'],
      }),
    });
    const figures = await screen.findByRole('list', { name: 'Key figures' });
    await userEvent.click(screen.getByRole('radio', { name: '30 days' }));
    expect(figures).toBeVisible();
    expect(document.querySelector('.page-body')).toHaveAttribute('aria-busy', 'true');
    release(ANSWERS['/api/v1/stats'] as object);
    await waitFor(() =>
      expect(document.querySelector('.page-body')).toHaveAttribute('aria-busy', 'false'),
    );
  });

  it('tells an error with the number of the request, and tries again', async () => {
    let isBroken = true;
    await renderApp({
      play: playing({
        '/api/v1/stats/heatmap': () => (isBroken ? problem(422) : ANSWERS['/api/v1/stats/heatmap']),
      }),
    });
    expect(await screen.findByText('Request request-1')).toBeVisible();
    isBroken = false;
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('table', { name: 'When people write' })).toBeVisible();
  });

  it.each([
    ['en', 'The first figures are being counted.', 'Key figures'],
    ['ru', 'Первые цифры ещё подсчитываются.', 'Главные цифры'],
  ] as const)(
    'waits for the first figures and goes on by itself: %s',
    async (language, text, list) => {
      vi.useFakeTimers({ shouldAdvanceTime: true });
      onTestFinished(() => void vi.useRealTimers());
      let isPublished = false;
      const early = () => problem(503, 'not_published_yet', 'The first figures are being counted.');
      const answer = ANSWERS['/api/v1/stats'];
      await renderApp({
        language,
        play: playing({ '/api/v1/stats': () => (isPublished ? answer : early()) }),
      });
      expect(await screen.findByText(text)).toBeVisible();
      expect(screen.queryByRole('alert')).toBeNull();
      isPublished = true;
      await act(() => vi.advanceTimersByTimeAsync(7_000));
      expect(await screen.findByRole('list', { name: list })).toBeVisible();
      expect(screen.queryByText(text)).toBeNull();
    },
  );

  it('says what to do when nothing happened', async () => {
    const answer = ANSWERS['/api/v1/stats'] as Record<string, object>;
    const empty = {
      ...answer,
      recent_dialogs: [],
      top_users: [],
      activity: { points: [], previous: [] },
    };
    await renderApp({ play: playing({ '/api/v1/stats': empty }) });
    expect(await screen.findAllByText('Nothing in this period.')).toHaveLength(2);
    expect(screen.getByRole('button', { name: 'Save as CSV: Top users' })).toBeDisabled();
  });

  it('does not offer a longer period when nothing has ever happened', async () => {
    const answer = ANSWERS['/api/v1/stats'] as Record<string, object>;
    const known = ANSWERS['/api/v1/stats/freshness'] as { freshness: object };
    await renderApp({
      play: playing({
        '/api/v1/stats': { ...answer, recent_dialogs: [], top_users: [] },
        '/api/v1/stats/freshness': { ...known, freshness: { ...known.freshness, turns: 0 } },
      }),
    });
    expect(await screen.findAllByText('No messages yet.')).toHaveLength(3);
    expect(screen.queryByText('Choose a longer period above.')).toBeNull();
  });

  it('saves what it shows', async () => {
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    await renderApp({ play: playing() });
    await screen.findByRole('list', { name: 'Key figures' });
    for (const name of ['Activity', 'When people write', 'Recent dialogs', 'Top users']) {
      const button = screen.getByRole('button', { name: `Save as CSV: ${name}` });
      await waitFor(() => expect(button).toBeEnabled());
      await userEvent.click(button);
    }
    expect(click.mock.contexts.map((link) => (link as HTMLAnchorElement).download)).toEqual([
      `activity_${DAYS}.csv`,
      `heatmap_${DAYS}.csv`,
      `dialogs_${DAYS}.csv`,
      `top-users_${DAYS}.csv`,
    ]);
  });
});

describe('a session that ends', () => {
  it('asks for the password over the page, which stays', async () => {
    const world = await renderApp({
      path: '/?period=month',
      play: playing({ '/api/v1/auth/session': session() }),
    });
    await screen.findByRole('list', { name: 'Key figures' });
    act(() => world.session.expire());
    const form = await screen.findByRole('dialog', { name: 'Your session has ended' });
    expect(within(form).getByLabelText('Username')).toHaveValue('ann');
    await userEvent.keyboard('{Escape}');
    await userEvent.type(within(form).getByLabelText('Password'), 'correct horse');
    await userEvent.click(within(form).getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(window.location.search).toBe('?period=month');
    expect(world.session.state.status).toBe('active');
  });

  it('ends for good when somebody else wants to sign in', async () => {
    const world = await renderApp({ play: playing() });
    act(() => world.session.expire());
    const form = await screen.findByRole('dialog');
    await userEvent.click(within(form).getByRole('button', { name: 'Sign out' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  it('leaves nothing behind when it is signed out', async () => {
    const { requests } = await renderApp({
      play: playing({ '/api/v1/auth/sessions/7/end': new Response(null, { status: 204 }) }),
    });
    await screen.findByRole('list', { name: 'Key figures' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(asked(requests, '/api/v1/auth/sessions/7/end')).toHaveLength(1);
  });

  it('goes on when the API cannot end it, and says so', async () => {
    await renderApp({ play: playing({ '/api/v1/auth/sessions/7/end': problem(503) }) });
    await screen.findByRole('list', { name: 'Key figures' });
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(await screen.findByRole('alert')).toHaveTextContent(/temporarily unavailable/);
    expect(screen.getByRole('heading', { name: 'Overview' })).toBeVisible();
  });
});

describe('the other pages', () => {
  const at = (path: string, scopes = ['stats:read']) =>
    renderApp({ path, scopes, play: playing() });

  it('Users: who comes, who is most active, from link to habit', async () => {
    const { requests } = await at('/users');
    expect(await screen.findByRole('slider', { name: /User lifecycle/ })).toBeVisible();
    expect(await screen.findByText('#42')).toBeVisible();
    expect(
      screen.getByText('Sessions: 400 · Turns per session: 2.5 · Median length: 1 min'),
    ).toBeVisible();
    const funnel = await screen.findByRole('table', { name: 'From first message to habit' });
    expect(within(funnel).getByRole('rowheader', { name: 'habr' })).toBeVisible();
    const commands = await screen.findByRole('table', { name: 'Commands' });
    expect(within(commands).getByRole('rowheader', { name: '/usage' })).toBeVisible();
    expect(within(commands).getByRole('rowheader', { name: 'Unknown commands' })).toBeVisible();
    expect(await screen.findByText('4 blocked · 1 came back')).toBeVisible();
    await userEvent.click(screen.getByRole('radio', { name: 'Cost' }));
    await waitFor(() =>
      expect(asked(requests, '/api/v1/stats/users/top').at(-1)?.searchParams.get('by')).toBe(
        'cost',
      ),
    );
  });

  it('Models & costs: models, causes, cost over time and what is not in it', async () => {
    await at('/models');
    const table = await screen.findByRole('table', { name: 'Models' });
    expect(within(table).getByText('8.0%')).toHaveClass('worst');
    expect(within(table).getByText('12.5')).toBeVisible();
    expect(within(table).getByTitle('Lost to fallbacks')).toHaveTextContent('90.0 sec · $0.2500');
    expect(screen.getByText(/\$12\.50 total/)).toBeVisible();
    expect(screen.getByText(/free-model \(3\)/)).toBeVisible();
    const causes = screen.getByRole('table', { name: /^Causes of failures/ });
    expect(screen.getByText(/Abandoned answers: 14/)).toBeVisible();
    expect(within(causes).getByText('Rejected before a model was called')).toBeVisible();
    const ratings = await screen.findByRole('table', { name: 'How answers were rated' });
    expect(within(ratings).getByText('With a reaction')).toBeVisible();
    expect(screen.getByText('Satisfaction 75% · 9 good · 3 bad')).toBeVisible();
  });

  it('Models & costs: a model without times has one dash, and no failures need no advice', async () => {
    const silent = { latency_p50_ms: null, latency_p95_ms: null };
    await renderApp({
      path: '/models',
      play: playing({
        '/api/v1/stats/models': { models: { models: [model('a', silent)], causes: [] } },
      }),
    });
    const table = await screen.findByRole('table', { name: 'Models' });
    const head = within(table).getByRole('columnheader', { name: /^Answer time/ });
    const cells = within(table).getByRole('row', { name: /^a / }).children;
    const column = [...(head.parentElement?.children ?? [])].indexOf(head);
    expect(cells[column]).toHaveTextContent(/^–$/);
    const good = screen.getByText(/^Every turn of this period got a whole answer/);
    expect(good.parentElement).not.toHaveTextContent('Choose a longer period');
  });

  it('tells on paper the dates and the moment of its numbers', async () => {
    await at('/users');
    await waitFor(() =>
      expect(document.querySelector('.printed')).toHaveTextContent(
        /^Mar 4\s–\s10 \(Europe\/Moscow\) · Data through Mar 10, 1\d:\d\d$/,
      ),
    );
  });

  it('Models & costs: the share beside the cost is that of the order', async () => {
    const models = [model('cheap', { share: 0.8, cost_usd: 1 }), model('dear', { cost_usd: 3 })];
    await renderApp({
      path: '/models',
      play: playing({ '/api/v1/stats/models': { models: { models, causes: [] } } }),
    });
    const table = await screen.findByRole('table', { name: 'Models' });
    expect(within(table).getByRole('row', { name: /^cheap/ })).toHaveTextContent('80.0%');
    expect(within(table).getByRole('columnheader', { name: 'Share of turns' })).toBeVisible();
    await userEvent.click(within(table).getByRole('button', { name: 'Cost' }));
    expect(within(table).queryByText('Share of turns')).toBeNull();
    expect(within(table).getByRole('columnheader', { name: 'Share of cost' })).toBeVisible();
    expect(within(table).getByRole('row', { name: /^dear/ })).toHaveTextContent('75.0%');
  });

  it('Retention: cohorts by day or week, and how often people come', async () => {
    const { requests } = await at('/retention?compare=0');
    const grid = await screen.findByRole('table', { name: 'Who returns' });
    expect(within(grid).getAllByRole('row')).toHaveLength(3);
    expect(within(grid).getByTitle('8 of 20')).toHaveTextContent(/^40%8 of 20$/);
    const sources = await screen.findByRole('table', { name: 'Retention by source' });
    const habr = within(sources).getByRole('row', { name: /^habr/ });
    expect(habr).toHaveTextContent('40.0% 4 of 10');
    expect(within(grid).getByTitle('not over yet')).toBeInTheDocument();
    expect(await screen.findByText(/Stickiness \(DAU\/MAU\): 25%/)).toBeVisible();
    await userEvent.click(screen.getByRole('radio', { name: 'Weeks' }));
    await waitFor(() =>
      expect(asked(requests, '/api/v1/stats/retention').at(-1)?.searchParams.get('width')).toBe(
        'week',
      ),
    );
  });

  it('Overview: how many people there are right now', async () => {
    await at('/');
    expect(await screen.findByText('5 people')).toBeVisible();
    const chart = screen.getByRole('img', { name: /5 people, 9 turns in the last 30 minutes/ });
    expect(within(chart).getAllByTitle(/turns 0, people 0/)).toHaveLength(29);
    expect(within(chart).getByTitle(/turns 9, people 5/)).toHaveStyle({ height: '100%' });
  });

  it('Data quality: a verdict, the age, checks and compared days', async () => {
    await at('/quality');
    expect(await screen.findByRole('status')).toHaveTextContent(
      '1 of 1 check passed · 1 of 1 day equal in both stores · Updated 10 sec ago',
    );
    expect(await screen.findByText('12,345')).toBeVisible();
    // A group that passes is folded.
    expect(screen.getByText(/by quarter of an hour, by day and by person agree/)).not.toBeVisible();
    await userEvent.click(screen.getByText('Before each publication'));
    expect(screen.getByText(/by quarter of an hour, by day and by person agree/)).toBeVisible();
    expect(screen.getByRole('table', { name: 'PostgreSQL against ClickHouse' })).toHaveTextContent(
      'equal',
    );
  });

  it('an address that leads nowhere', async () => {
    await at('/nowhere');
    expect(await screen.findByRole('heading', { name: 'Page not found' })).toBeVisible();
  });
});

describe('Data quality that is not good', () => {
  type Parts = Record<string, Record<string, unknown>[]>;
  const good = (ANSWERS['/api/v1/stats/quality'] as { quality: Parts }).quality;
  const show = (part: object) =>
    renderApp({
      path: '/quality',
      play: playing({
        '/api/v1/stats/quality': {
          ...ANSWERS['/api/v1/stats/quality'],
          quality: { ...good, ...part },
        },
      }),
    });

  it('names what is wrong', async () => {
    await show({
      is_ok: false,
      checks: [{ ...good.checks?.[0], passed: false, observed: '1 day is not' }],
      days: [{ ...good.days?.[0], is_equal: false, was_repaired: true }],
      days_withheld: ['2026-03-09'],
    });
    expect(await screen.findByRole('status')).toHaveTextContent(
      'Withheld, showing older numbers: Mar 9 · 0 of 1 check passed · 0 of 1 day equal in both stores',
    );
    expect(screen.getByRole('status')).toHaveClass('bad');
    expect(screen.getByText(/Mar 9 · 1 day is not · Expected: 0/)).toBeVisible();
    expect(screen.getByText(/docs\/runbooks\.md, section DaysWithheld/)).toBeVisible();
  });

  it('shows a run that failed, and a check that it has no sentence for', async () => {
    const check = { ...good.checks?.[0], day: null, is_blocking: false };
    await show({
      is_ok: false,
      checks: [
        { ...check, suite: 'runs', asset: 'nightly', name: 'run_succeeds', passed: false },
        { ...check, suite: 'expectations', asset: 'turns', name: 'newer_than_this_page' },
        { ...check, suite: 'expectations', asset: 'turns', name: 'data_is_fresh' },
        { ...check, suite: 'expectations', asset: 'daily', name: 'no_day_is_withheld' },
      ],
    });
    expect(await screen.findByText(/latest run of the job nightly/)).toBeVisible();
    expect(screen.getByText(/section CheckFailed/)).toBeVisible();
    expect(screen.getByText('newer_than_this_page')).toBeInTheDocument();
    expect(screen.getAllByRole('group')).toHaveLength(4);
  });

  it('does not call good what nobody has looked at', async () => {
    await show({ checks: [], days: [] });
    expect(await screen.findByRole('status')).toHaveTextContent(
      'No check has run yet · The first reconciliation has not run yet',
    );
  });
});

describe('dialogs', () => {
  const text = {
    dialog_id: dialog.dialog_id,
    chat_type: 'private',
    started_at: '2026-03-10T10:00:00Z',
    closed_at: null,
    people: { '42': { name: 'Ann Lee', username: null } },
    next_after: null,
    messages: [
      {
        id: '1',
        turn_id: '1',
        user_key: 42,
        role: 'user',
        text: 'hello',
        is_withheld: false,
        created_at: '2026-03-10T10:00:00Z',
      },
      {
        id: '2',
        turn_id: '1',
        user_key: 42,
        role: 'assistant',
        text: null,
        is_withheld: false,
        created_at: '2026-03-10T10:00:01Z',
      },
      {
        id: '3',
        turn_id: '2',
        user_key: 43,
        role: 'user',
        text: null,
        is_withheld: true,
        created_at: '2026-03-10T10:00:02Z',
      },
    ],
  };
  const path = `/api/v1/dialogs/${dialog.dialog_id}/text`;

  it('come page by page', async () => {
    const { requests } = await renderApp({
      path: '/dialogs',
      play: playing({
        '/api/v1/stats/dialogs': (request) => {
          const answer = ANSWERS['/api/v1/stats/dialogs'] as object;
          if (!request.url.includes('cursor')) return answer;
          const other = { ...dialog, dialog_id: '2', users: 3, last_model: null, language: null };
          return { ...answer, dialogs: [other], next_cursor: null };
        },
      }),
    });
    await userEvent.click(await screen.findByRole('button', { name: 'Show more' }));
    await waitFor(() => expect(screen.getAllByRole('rowheader')).toHaveLength(2));
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
    expect(screen.getByText('and 2 others')).toBeVisible();
    expect(asked(requests, '/api/v1/stats/dialogs').at(-1)?.searchParams.get('cursor')).toBe(
      'page-2',
    );
  });

  it('stay closed to those who may not read texts', async () => {
    await renderApp({ path: '/dialogs', play: playing() });
    expect(await screen.findByText('@ann')).toBeVisible();
    expect(
      screen.getByText(
        'You don\'t have permission to read conversations. An administrator can grant the scope texts:read. On the server: make account DO="grant NAME texts:read".',
      ),
    ).toBeVisible();
    expect(screen.queryByRole('button', { name: /Read/ })).toBeNull();
  });

  it('ask before a text is opened, because the reading is recorded', async () => {
    const { requests } = await renderApp({
      path: '/dialogs',
      scopes: ['stats:read', 'texts:read'],
      play: playing({ [path]: text }),
    });
    await userEvent.click(await screen.findByRole('button', { name: 'Read the dialog of @ann' }));
    const reader = screen.getByRole('dialog', { name: 'Text of the dialog of @ann' });
    expect(within(reader).getByText(/are recorded/)).toBeVisible();
    expect(asked(requests, path)).toHaveLength(0);
    await userEvent.click(within(reader).getByRole('button', { name: 'Open and record' }));
    expect(await within(reader).findByText('hello')).toBeVisible();
    expect(within(reader).getByText('This reading has been recorded.')).toBeVisible();
    expect(within(reader).getByText(/has been erased/)).toBeVisible();
    expect(within(reader).getByText(/does not let analysts read/)).toBeVisible();
    expect(asked(requests, path)).toHaveLength(1);
    await userEvent.click(within(reader).getByRole('button', { name: 'Close' }));
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('show the words of the provider when they are asked for', async () => {
    const failures = path.replace('/text', '/failures');
    const failed = {
      turn_id: 't-1',
      user_key: 42,
      attempt: 1,
      model: 'a/large',
      started_at: '2026-03-10T10:00:00Z',
      outcome: 'server_error',
      http_status: 503,
      provider_code: null,
      generation_id: null,
      message: 'Upstream overloaded.',
      is_withheld: false,
    };
    const { requests } = await renderApp({
      path: '/dialogs',
      scopes: ['stats:read', 'texts:read'],
      play: playing({ [path]: text, [failures]: { dialog_id: 'd', failures: [failed] } }),
    });
    await userEvent.click(await screen.findByRole('button', { name: /Read the dialog/ }));
    await userEvent.click(screen.getByRole('button', { name: 'Open and record' }));
    await screen.findByText('hello');
    expect(asked(requests, failures)).toHaveLength(0);
    await userEvent.click(screen.getByRole('button', { name: "Show the provider's errors" }));
    const list = await screen.findByRole('list', { name: 'Errors of the provider' });
    expect(list).toHaveTextContent(/a\/large · Provider error · HTTP 503Upstream overloaded\./);
  });

  it('of badly rated answers are opened in the same way', async () => {
    const list = '/api/v1/dialogs/rated-badly';
    const answer = {
      id: '1',
      turn_id: '2',
      dialog_id: dialog.dialog_id,
      user_key: 1,
      rated_by: 1,
      given_by: 'button',
      given_at: '2026-03-10T10:00:00Z',
      model: 'fast-model',
      question: 'why?',
      answer: null,
      is_withheld: false,
    };
    const { requests } = await renderApp({
      path: '/models',
      scopes: ['stats:read', 'texts:read'],
      play: playing({ [list]: { answers: [answer], people: {}, next_after: null } }),
    });
    await userEvent.click(await screen.findByRole('button', { name: 'Read bad answers' }));
    const reader = screen.getByRole('dialog', { name: 'Read bad answers' });
    expect(asked(requests, list)).toHaveLength(0);
    await userEvent.click(within(reader).getByRole('button', { name: 'Open and record' }));
    expect(await within(reader).findByText('why?')).toBeVisible();
    expect(within(reader).getByText(/has been erased/)).toBeVisible();
    expect(asked(requests, list)).toHaveLength(1);
  });

  it.each([
    [{ ...text, messages: [] }, 'No texts of this dialog are stored.'],
    [
      problem(403),
      "You don't have permission to see this. An administrator can grant it. On the server: make account.",
    ],
  ])('tell when there is no text to show', async (answer, words) => {
    await renderApp({
      path: '/dialogs',
      scopes: ['stats:read', 'texts:read'],
      play: playing({ [path]: answer }),
    });
    await userEvent.click(await screen.findByRole('button', { name: /Read the dialog/ }));
    await userEvent.click(screen.getByRole('button', { name: 'Open and record' }));
    expect(await screen.findByText(words)).toBeVisible();
  });

  it('tell that they could not be listed', async () => {
    await renderApp({
      path: '/dialogs',
      play: playing({ '/api/v1/stats/dialogs': problem(422) }),
    });
    expect(await screen.findByText('The API cannot answer this question.')).toBeVisible();
  });
});

describe('preferences', () => {
  it('speak the other language at once', async () => {
    await renderApp({ isSignedIn: false });
    await userEvent.click(screen.getByRole('radio', { name: 'Русский' }));
    expect(await screen.findByRole('heading', { name: 'Вход' })).toBeVisible();
  });

  it('change the colours and remember them', async () => {
    await renderApp({ isSignedIn: false });
    await userEvent.click(screen.getByRole('radio', { name: 'Dark' }));
    expect(document.documentElement.dataset.theme).toBe('dark');
    expect(localStorage.getItem('dialytics.theme')).toBe('dark');
    await userEvent.click(screen.getByRole('radio', { name: 'System' }));
    expect(document.documentElement.dataset.theme).toBeUndefined();
  });
});
