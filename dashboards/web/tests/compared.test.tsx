/** Retention and lifecycle beside those of another period. */

import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { sumsOf, wholeCohorts } from '../src/charts/RetentionGrid';
import { ANSWERS, playing, totals } from './answers';
import { type Play, renderApp } from './world';

const SINCE = '2026-02-24T21:00:00Z';
const UNTIL = '2026-03-03T12:00:00Z';
const { period: PERIOD } = ANSWERS['/api/v1/stats/retention'] as { period: object };

/** The API with another period, for which `earlier` answers instead. */
function comparing(path: string, earlier: object) {
  const of = (request: Request) => new URL(request.url).searchParams;
  return playing({
    '/api/v1/stats/summary': (request: Request) => ({
      ...ANSWERS['/api/v1/stats/summary'],
      summary: {
        current: totals(),
        previous: of(request).get('compare') === 'true' ? totals() : null,
        previous_since: SINCE,
        previous_until: UNTIL,
      },
    }),
    [path]: ((request) =>
      of(request).get('from') === SINCE && of(request).get('to') === UNTIL
        ? { ...ANSWERS[path], period: { ...PERIOD, since: SINCE, until: UNTIL }, ...earlier }
        : (ANSWERS[path] as object)) satisfies Play,
  });
}

describe('the retention of all cohorts', () => {
  it('is of those whose day is over', () => {
    const cohorts = [
      { start: '2026-03-08', users: 20, active: [20, 8, 0] },
      { start: '2026-03-09', users: 10, active: [10, 5, null] },
      { start: '2026-03-10', users: 0, active: [0, null, null] },
    ];
    expect(sumsOf(cohorts, 4)).toEqual([
      { active: 30, users: 30 },
      { active: 13, users: 30 },
      { active: 0, users: 20 },
      { active: null, users: 0 },
    ]);
  });

  it('leaves out days and weeks that the period cuts', () => {
    const of = (start: string) => ({ start, users: 1, active: [1] });
    const cohorts = ['2026-02-23', '2026-03-02', '2026-03-09'].map(of);
    const period = { since: '2026-02-28T21:00:00Z', until: '2026-03-08T21:00:00Z' };
    const starts = (width: 'day' | 'week', until = period.until) =>
      wholeCohorts(cohorts, width, { ...period, until }, 'Europe/Moscow').map(({ start }) => start);
    expect(starts('week')).toEqual(['2026-03-02']);
    expect(starts('week', '2026-03-08T20:00:00Z')).toEqual([]);
    expect(starts('day')).toEqual(['2026-03-02']);
    expect(starts('day', '2026-03-09T21:00:00Z')).toEqual(['2026-03-02', '2026-03-09']);
  });

  const earlier = {
    retention: {
      width: 'day',
      tz: 'Europe/Moscow',
      cohorts: [{ start: '2026-03-01', users: 50, active: [50, 30, 10] }],
    },
  };

  it('stands above that of the other period, which is asked for as the API names it', async () => {
    await renderApp({ path: '/retention', play: comparing('/api/v1/stats/retention', earlier) });
    const grid = await screen.findByRole('table', { name: 'Who returns' });
    const before = await within(grid).findByRole('row', { name: /^Period before 50/ });
    expect(within(before).getByTitle('30 of 50')).toHaveTextContent(/^60%/);
    const now = within(grid).getByRole('row', { name: /^This period 30/ });
    expect(within(now).getByTitle('13 of 30')).toHaveTextContent(/^43%/);
    await userEvent.selectOptions(screen.getByLabelText('Compare with'), 'Previous year');
    expect(await within(grid).findByRole('row', { name: /^Year before 50/ })).toBeVisible();
    await userEvent.click(screen.getByRole('switch', { name: 'Compare' }));
    expect(within(grid).queryByRole('row', { name: /^Year before/ })).toBeNull();
    expect(within(grid).queryByRole('row', { name: /^This period/ })).toBeNull();
  });

  it('is not compared with days before the first turn', async () => {
    const play = comparing('/api/v1/stats/retention', earlier);
    const { freshness } = ANSWERS['/api/v1/stats/freshness'] as { freshness: object };
    await renderApp({
      path: '/retention',
      play: (request) =>
        new URL(request.url).pathname === '/api/v1/stats/freshness'
          ? {
              ...ANSWERS['/api/v1/stats/freshness'],
              freshness: { ...freshness, first_day: '2026-03-01' },
            }
          : play(request),
    });
    expect(await screen.findByText(/not compared: data from Mar 1$/)).toBeVisible();
    expect(screen.queryByText('Period before')).toBeNull();
  });
});

describe('the lifecycle', () => {
  const point = (start: string, part: object) => ({
    start,
    active: 0,
    new: 0,
    returning: 0,
    resurrected: 0,
    dormant: 0,
    churned: 0,
    is_partial: false,
    ...part,
  });

  it('is compared by its means, without the day that is still running', async () => {
    const earlier = {
      lifecycle: {
        tz: 'Europe/Moscow',
        points: [
          point('2026-03-02', { new: 1, returning: 3 }),
          point('2026-03-03', { new: 99, returning: 99, is_partial: true }),
        ],
      },
    };
    await renderApp({ path: '/users', play: comparing('/api/v1/stats/lifecycle', earlier) });
    const table = await screen.findByRole('table', { name: 'User lifecycle, compared' });
    expect(within(table).getByRole('columnheader', { name: 'Mean per day' })).toBeVisible();
    expect(within(table).getByRole('columnheader', { name: 'Period before' })).toBeVisible();
    // Of the period: 2 new and 6 returning people on each day.
    expect(await within(table).findByRole('row', { name: 'New 2 1 +100%' })).toBeVisible();
    expect(within(table).getByRole('row', { name: 'Returning 6 3 +100%' })).toBeVisible();
    expect(within(table).getByRole('row', { name: /^Dormant \S+ 0 –$/ })).toBeVisible();
  });

  it('has no table of dashes where no day is over yet', async () => {
    const day = point('2026-03-10', { new: 1, is_partial: true });
    const running = { lifecycle: { tz: 'Europe/Moscow', points: [day] } };
    const play = playing({
      '/api/v1/stats/lifecycle': { ...ANSWERS['/api/v1/stats/lifecycle'], ...running },
    });
    await renderApp({ path: '/users', play });
    expect(await screen.findByText(/the period holds no full day yet/)).toBeVisible();
    expect(screen.queryByRole('table', { name: 'User lifecycle, compared' })).toBeNull();
  });
});
