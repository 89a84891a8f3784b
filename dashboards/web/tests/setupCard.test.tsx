/** The first steps of an empty installation. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { ANSWERS, playing } from './answers';
import { problem, renderApp } from './world';

const NOTHING = {
  usernames: [],
  has_operator_chat: false,
  has_message: false,
  has_answer: false,
};
const ALL = {
  usernames: ['helper_bot'],
  has_operator_chat: true,
  has_message: true,
  has_answer: true,
};
const EMPTY = () => problem(503, 'not_published_yet');

const steps = async () => {
  const card = await screen.findByRole('region', { name: 'First steps' });
  return { card, items: await within(card).findAllByRole('listitem') };
};

describe('the first steps', () => {
  it('are not shown where there are data', async () => {
    const { requests } = await renderApp({ play: playing() });
    await screen.findByRole('list', { name: 'Key figures' });
    expect(screen.queryByText('First steps')).toBeNull();
    expect(requests.some((sent) => sent.url.includes('/setup'))).toBe(false);
  });

  it('say what is done and what to do next before anything is published', async () => {
    await renderApp({
      play: playing({
        '/api/v1/setup': { ...NOTHING, usernames: ['helper_bot'] },
        '/api/v1/stats': EMPTY,
        '/api/v1/stats/freshness': EMPTY,
        '/api/v1/stats/quality': EMPTY,
      }),
    });
    const { card, items } = await steps();
    expect(card).toHaveTextContent('1 of 7 done');
    expect(items).toHaveLength(7);
    const link = within(card).getByRole('link', { name: 't.me/helper_bot' });
    expect(link).toHaveAttribute('href', 'https://t.me/helper_bot');
    expect(items[0]).toHaveTextContent('(done)');
    expect(items[1]).toHaveTextContent('(not yet)Write to the bot in Telegram.');
  });

  it('stay after the first message, and leave for good when all are done', async () => {
    localStorage.setItem('dialytics.setup', 'open');
    const seen = await renderApp({
      play: playing({ '/api/v1/setup': { ...ALL, has_operator_chat: false } }),
      scopes: ['stats:read', 'names:read'],
    });
    const { card } = await steps();
    await waitFor(() => expect(card).toHaveTextContent('6 of 7 done'));
    seen.unmount();
    await renderApp({
      play: playing({ '/api/v1/setup': ALL }),
      scopes: ['stats:read', 'names:read'],
    });
    await waitFor(() => expect(localStorage.getItem('dialytics.setup')).toBe('done'));
    expect(screen.queryByRole('region', { name: 'First steps' })).toBeNull();
  });

  it('can be hidden', async () => {
    const known = ANSWERS['/api/v1/stats/freshness'] as { freshness: object };
    await renderApp({
      play: playing({
        '/api/v1/setup': NOTHING,
        '/api/v1/stats/freshness': { ...known, freshness: { ...known.freshness, turns: 0 } },
      }),
    });
    const { card } = await steps();
    await userEvent.click(within(card).getByRole('button', { name: 'Hide' }));
    expect(screen.queryByRole('region', { name: 'First steps' })).toBeNull();
    expect(localStorage.getItem('dialytics.setup')).toBe('done');
  });
});
