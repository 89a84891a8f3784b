/** A cell of the heatmap leads to the hour of a date, also where it is the sum of several. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { holds, spansOf } from '../src/period/usePicked';
import { readView } from '../src/period/view';
import { ANSWERS, playing } from './answers';
import { renderApp } from './world';

const HOUR = 3_600_000;
const at = (moment: string) => Date.parse(moment);

describe('the dates of a weekday and hour', () => {
  const berlin = (since: string, until: string) => ({ since, until, tz: 'Europe/Berlin' });

  it('are all those in the period, the newest first, at the clock of the zone', () => {
    // Clocks go forward on 29 March.
    const spans = spansOf(berlin('2026-03-14T23:00:00Z', '2026-04-05T22:00:00Z'), 1, 14);
    expect(spans).toEqual([
      { from: at('2026-03-30T12:00:00Z'), to: at('2026-03-30T13:00:00Z') },
      { from: at('2026-03-23T13:00:00Z'), to: at('2026-03-23T14:00:00Z') },
      { from: at('2026-03-16T13:00:00Z'), to: at('2026-03-16T14:00:00Z') },
    ]);
  });

  it('leave out an hour that is skipped and hold both where it is repeated', () => {
    const year = berlin('2025-12-31T23:00:00Z', '2026-12-31T23:00:00Z');
    const sundays = spansOf(year, 7, 2);
    expect(sundays).toHaveLength(51);
    const long = sundays.filter(({ from, to }) => to - from !== HOUR);
    expect(long).toEqual([{ from: at('2026-10-25T00:00:00Z'), to: at('2026-10-25T02:00:00Z') }]);
  });

  it('are parts of it where the period begins or ends within the hour', () => {
    expect(spansOf(berlin('2026-03-02T13:30:00Z', '2026-03-09T13:15:00Z'), 1, 14)).toEqual([
      { from: at('2026-03-09T13:00:00Z'), to: at('2026-03-09T13:15:00Z') },
      { from: at('2026-03-02T13:30:00Z'), to: at('2026-03-02T14:00:00Z') },
    ]);
  });
});

describe('an hour that the data of the period do not reach', () => {
  const span = (since: string, until: string) => ({ since, until, tz: 'Europe/Moscow' });

  it('is told from those that they do', () => {
    const isHeld = holds(span('2026-03-09T21:00:00Z', '2026-03-10T11:59:50Z'));
    expect([isHeld(2, 0), isHeld(2, 14)]).toEqual([true, true]);
    expect([isHeld(2, 15), isHeld(1, 14)]).toEqual([false, false]);
    expect(holds(span('2026-03-01T21:00:00Z', '2026-03-10T11:59:50Z'))(2, 23)).toBe(true);
  });

  it('is empty, and not an hour without messages', async () => {
    const answer = ANSWERS['/api/v1/stats/heatmap'] as object;
    const none = { ...answer, heatmap: { cells: [] } };
    await renderApp({ path: '/', play: playing({ '/api/v1/stats/heatmap': none }) });
    const table = await screen.findByRole('table', { name: 'When people write' });
    const tuesday = within(table).getByRole('row', { name: /^Tue/ });
    const [hour, toCome] = [tuesday.querySelector('td'), tuesday.querySelector('td:last-child')];
    expect(hour).toHaveAttribute('data-level');
    expect(toCome).not.toHaveAttribute('data-level');
    expect(toCome).toHaveAttribute('title', 'Not in this period, or not reached yet');
  });
});

describe('a cell that is the sum of several dates', () => {
  it('offers them, and the page is narrowed to the one that is chosen', async () => {
    const answer = ANSWERS['/api/v1/stats/heatmap'] as { period: object };
    const period = { ...answer.period, since: '2026-02-08T21:00:00Z' };
    await renderApp({
      path: '/?period=month',
      play: playing({ '/api/v1/stats/heatmap': { ...answer, period } }),
    });
    const table = await screen.findByRole('table', { name: 'When people write' });
    const cell = within(table).getByRole('button', { name: /Monday 14:00/ });
    await userEvent.click(cell);
    // jsdom has no popovers and hides them; a browser opens it in the tests of the whole stack.
    const menu = document.querySelector('.hour-menu') as HTMLElement;
    expect(menu).toHaveAttribute('aria-label', 'Monday 14:00, choose the date:');
    const dates = [...menu.querySelectorAll('button')];
    expect(dates.map((one) => one.textContent)).toEqual([
      'Mar 9',
      'Mar 2',
      'Feb 23',
      'Feb 16',
      'Feb 9',
    ]);
    await userEvent.click(within(menu).getByText('Feb 23'));
    expect(readView(new URLSearchParams(window.location.search))).toMatchObject({
      period: 'custom',
      from: '2026-02-23T11:00Z',
      to: '2026-02-23T12:00Z',
    });
    await waitFor(() => expect(document.querySelector('.hour-menu')).toBeNull());
  });
});
