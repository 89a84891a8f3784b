/** The page of alerts: a new one with its preview, the list, the history. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { thresholdOf } from '../src/alerts/alerts';
import { playing } from './answers';
import { type Options, type Play, renderApp } from './world';

const alert = (id: number, part = {}) => ({
  id,
  name: 'Costly hour',
  metric: 'cost_usd',
  filters: [['is', 'model', ['small']]],
  width: 'hour',
  test: 'above',
  threshold: 5,
  no_data: 'ignore',
  quiet_from: null,
  quiet_until: null,
  to_operator: true,
  chat_ids: [],
  webhook_url: null,
  destinations: 1,
  muted_until: null,
  judged_through: '2026-03-10T11:00:00Z',
  last_fired_at: null,
  author: 'ann',
  created_at: '2026-03-01T10:00:00Z',
  ...part,
});

const event = (id: number, part = {}) => ({
  id,
  alert_id: 1,
  name: 'Costly hour',
  metric: 'cost_usd',
  width: 'hour',
  window_start: '2026-03-10T10:00:00Z',
  window_end: '2026-03-10T11:00:00Z',
  value: 7.5,
  low: null,
  high: 5,
  silence: null,
  fired_at: '2026-03-10T11:00:09Z',
  acknowledged_at: null,
  acknowledged_by: null,
  messages: [{ channel: 'webhook', state: 'failed', problem: 'answered 404' }],
  ...part,
});

const OWN: Record<string, Play | object> = {
  '/api/v1/alerts': { alerts: [alert(1)] },
  '/api/v1/alerts/events': { events: [event(9)], next_before: null },
  '/api/v1/alerts/preview': { windows: 672, fired: 3, learning: 0, no_data: 0, last: null },
};

async function at(own: Record<string, Play | object> = {}, more: Options = {}) {
  const world = await renderApp({
    path: '/alerts',
    play: playing({ ...OWN, ...own }),
    scopes: ['admin', 'stats:read'],
    ...more,
  });
  const sent = (method: string, route: string) =>
    world.requests.find((found) => found.method === method && found.url.endsWith(route));
  return { ...world, sent };
}

const press = (name: string | RegExp) => userEvent.click(screen.getByRole('button', { name }));

describe('alerts', () => {
  it('are listed in words, with what fired and what became of its message', async () => {
    await at();
    expect(await screen.findByText('Cost per hour above $5.00, Model is small')).toBeVisible();
    const history = within(await screen.findByRole('table', { name: 'History' }));
    expect(history.getByText('$7.50')).toBeVisible();
    expect(history.getByText('at most $5.00')).toBeVisible();
    expect(history.getByText('Webhook: failed: answered 404')).toBeInTheDocument();
  });

  it('are made in a form that says how often they would have fired', async () => {
    const { sent } = await at({
      '/api/v1/alerts': (request: Request) =>
        request.method === 'POST'
          ? new Response(JSON.stringify(alert(2)), { status: 201 })
          : { alerts: [] },
    });
    await screen.findByText('No alerts yet.');
    await press('New alert');
    expect(await screen.findByText('Would have fired 3 times in the last 4 weeks.')).toBeVisible();
    await userEvent.selectOptions(screen.getByLabelText('Metric'), 'Failure rate');
    await userEvent.selectOptions(screen.getByLabelText('Fires when'), 'above a number');
    const number = screen.getByLabelText('Percent');
    await userEvent.clear(number);
    await press('Create alert');
    expect(screen.getByText('A number, such as 2 or 0.5.')).toBeVisible();
    await userEvent.type(number, '12,5');
    await userEvent.type(screen.getByLabelText('Other Telegram chats'), '-5, 7');
    await press('Create alert');
    await waitFor(() => expect(sent('POST', '/api/v1/alerts')).toBeDefined());
    expect(await sent('POST', '/api/v1/alerts')?.json()).toEqual({
      metric: 'error_rate',
      test: 'above',
      threshold: 0.125,
      width: 'day',
      no_data: 'ignore',
      filters: [],
      name: 'Failure rate per day above 12.5%',
      to_operator: true,
      chat_ids: [-5, 7],
      webhook_url: null,
      quiet_from: null,
      quiet_until: null,
    });
  });

  it('are not made where the form is left, whose button stands on it', async () => {
    await at();
    await userEvent.click(await screen.findByRole('button', { name: 'New alert' }));
    const form = within(await screen.findByRole('region', { name: 'New alert' }));
    expect(screen.queryByRole('button', { name: 'New alert' })).toBeNull();
    await userEvent.click(form.getByRole('button', { name: 'Cancel' }));
    expect(await screen.findByRole('button', { name: 'New alert' })).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Create alert' })).toBeNull();
  });

  it('are changed in the same form, with their filters in the bar', async () => {
    const { sent } = await at({
      '/api/v1/alerts': { alerts: [alert(1, { metric: 'error_rate', threshold: 0.07 })] },
      '/api/v1/alerts/1': alert(1),
    });
    await userEvent.click(await screen.findByRole('button', { name: 'Change: Costly hour' }));
    const form = within(await screen.findByRole('region', { name: 'Change “Costly hour”' }));
    expect(new URLSearchParams(window.location.search).get('f')).toBe('is,model,small');
    const number = form.getByLabelText('Percent');
    expect(number).toHaveValue('7');
    await userEvent.clear(number);
    await userEvent.type(number, '9');
    await userEvent.selectOptions(
      form.getByLabelText('Quiet hours from (report time zone)'),
      '22:00',
    );
    await userEvent.selectOptions(form.getByLabelText('Quiet hours until'), '07:00');
    await userEvent.click(form.getByRole('button', { name: 'Save alert' }));
    await waitFor(() => expect(sent('PUT', '/api/v1/alerts/1')).toBeDefined());
    expect(await sent('PUT', '/api/v1/alerts/1')?.json()).toMatchObject({
      name: 'Costly hour',
      metric: 'error_rate',
      test: 'above',
      threshold: 0.09,
      filters: [['is', 'model', ['small']]],
      quiet_from: 22,
      quiet_until: 7,
    });
    await waitFor(() => expect(window.location.search).not.toContain('f='));
  });

  it('with a filter that the bar does not know are left to the API', async () => {
    const filters = [['contains', 'model', ['gpt']]];
    await at({ '/api/v1/alerts': { alerts: [alert(1, { filters })] } });
    await screen.findByRole('button', { name: 'Mute for a day: Costly hour' });
    expect(screen.queryByRole('button', { name: 'Change: Costly hour' })).toBeNull();
  });

  it('that fired are marked in the chart, each once per point', async () => {
    const events = [
      event(9),
      event(8, { window_start: '2026-03-10T09:00:00Z' }),
      event(7, { window_start: '2026-03-06T09:00:00Z', name: 'Slow' }),
      event(6, { window_start: '2025-03-06T09:00:00Z', name: 'Last year' }),
    ];
    await at({ '/api/v1/alerts/events': { events, next_before: null } }, { path: '/' });
    await waitFor(() => expect(document.querySelectorAll('.plot .flag')).toHaveLength(2));
  });

  it('are muted and what fired is acknowledged', async () => {
    const { sent } = await at({
      '/api/v1/alerts/1/mute': alert(1),
      '/api/v1/alerts/events/9/acknowledge': event(9),
    });
    await screen.findByText('Cost per hour above $5.00, Model is small');
    await press('Mute for a day: Costly hour');
    await waitFor(() => expect(sent('PUT', '/mute')).toBeDefined());
    await userEvent.click(await screen.findByRole('button', { name: 'Acknowledge' }));
    await waitFor(() => expect(sent('POST', '/events/9/acknowledge')).toBeDefined());
  });

  it('are for reading without the administration', async () => {
    await at({}, { scopes: ['stats:read'] });
    expect(await screen.findByText('Administrators create alerts')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'New alert' })).toBeNull();
    expect(await screen.findByRole('button', { name: 'Acknowledge' })).toBeVisible();
  });
});

describe('a threshold', () => {
  it('is typed in the units that people read', () => {
    expect(thresholdOf('12.5', 'error_rate', 'above')).toBe(0.125);
    expect(thresholdOf('2', 'latency_p95_ms', 'above')).toBe(2000);
    expect(thresholdOf('2', 'latency_p95_ms', 'times_usual')).toBe(2);
    expect(thresholdOf('', 'cost_usd', 'above')).toBeNull();
    expect(thresholdOf('2', 'cost_usd', 'unusual')).toBeNull();
  });
});
