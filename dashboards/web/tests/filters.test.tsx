/** Filters in the address, as chips, from clicks; pages of a person, a dialog and their turns. */

import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import {
  filterQuery,
  is,
  readFilter,
  readFilters,
  withFilter,
  writeFilter,
} from '../src/filters/filters';
import { linkProblems, readView, writeView } from '../src/period/view';
import { dialog, playing } from './answers';
import { renderApp } from './world';

const asked = (requests: readonly Request[], path: string) =>
  requests
    .map((request) => new URL(request.url))
    .filter((url) => url.pathname === `/api/v1/stats${path}`)
    .map((url) => JSON.parse(url.searchParams.get('filters') ?? '[]'));

const search = () => new URLSearchParams(window.location.search).getAll('f');

describe('a filter', () => {
  it.each([
    is('model', 'slow, model'),
    is('model', ''),
    is('source', '100%41', '=1+1', 'a\\c'),
    is('person', '42', '43'),
    { ...is('status', 'failed'), operator: 'is_not' } as const,
    is('dialog', dialog.dialog_id),
  ])('is read from an address as it was written: %j', (filter) => {
    const view = { ...readView(new URLSearchParams()), filters: [filter] };
    const read = readView(new URLSearchParams(writeView(view).toString()));
    expect(read.filters).toEqual([filter]);
    expect(readFilter(writeFilter(filter))).toEqual(filter);
  });

  it.each([
    '',
    'is',
    'is,model',
    'like,model,x',
    'is,weather,x',
    'is,person,ann',
    'is,dialog,1',
    'is,model,\\',
  ])('that is none is said: %j', (text) => {
    const address = new URLSearchParams({ f: text });
    expect(readFilters(address)).toEqual([]);
    expect(linkProblems(address)).toEqual([{ part: 'filter', value: text }]);
  });

  it('takes the place of another about the same, and is asked with numbers', () => {
    const one = withFilter([is('person', '1'), is('model', 'a')], is('person', '2'));
    expect(one).toEqual([is('model', 'a'), is('person', '2')]);
    const not = { ...is('model', 'b'), operator: 'is_not' as const };
    expect(withFilter([not], { ...not, values: ['c'] })).toHaveLength(2);
    expect(filterQuery(one)).toEqual({
      filters: '[["is","model",["a"]],["is","person",[2]]]',
    });
    expect(filterQuery([])).toEqual({});
  });
});

describe('the filter bar', () => {
  it('adds, turns and removes a filter, and every report follows', async () => {
    const { requests } = await renderApp({ play: playing() });
    await userEvent.click(await screen.findByRole('button', { name: 'Filter' }));
    await userEvent.selectOptions(screen.getByLabelText('Filter by'), 'Model');
    await waitFor(() => expect(screen.getByLabelText('Value')).toHaveValue('fast-model'));
    await userEvent.selectOptions(screen.getByLabelText('Value'), 'slow, model');
    await userEvent.click(screen.getByRole('button', { name: 'Add' }));
    expect(search()).toEqual(['is,model,slow\\c model']);
    const wanted = [['is', 'model', ['slow, model']]];
    for (const path of ['', '/models', '/heatmap']) {
      await waitFor(() => expect(asked(requests, path).at(-1)).toEqual(wanted));
    }
    await userEvent.click(screen.getByRole('button', { name: /^Switch between/ }));
    expect(search()).toEqual(['is_not,model,slow\\c model']);
    await userEvent.click(screen.getByRole('button', { name: /^Remove the filter/ }));
    expect(search()).toEqual([]);
  });

  it('says which number it wants', async () => {
    await renderApp({ path: '/users', play: playing() });
    await userEvent.click(await screen.findByRole('button', { name: 'Filter' }));
    await userEvent.selectOptions(screen.getByLabelText('Filter by'), 'Person');
    await userEvent.type(screen.getByLabelText('Value'), 'Ann');
    await userEvent.click(screen.getByRole('button', { name: 'Add' }));
    expect(await screen.findByText(/Enter the number of a person/)).toBeVisible();
    await userEvent.clear(screen.getByLabelText('Value'));
    await userEvent.type(screen.getByLabelText('Value'), '#42');
    await userEvent.click(screen.getByRole('button', { name: 'Add' }));
    expect(search()).toEqual(['is,person,42']);
  });

  it('is set by a model, a cause and a source', async () => {
    await renderApp({ path: '/models', play: playing() });
    const models = await screen.findByRole('table', { name: 'Models' });
    await userEvent.click(within(models).getByRole('button', { name: /Model is fast-model/ }));
    expect(search()).toEqual(['is,model,fast-model']);
    const causes = screen.getByRole('table', { name: /^Causes of failures/ });
    await userEvent.click(
      within(causes).getByRole('button', { name: /Fallback cause is Timed out/ }),
    );
    expect(search()).toEqual(['is,model,fast-model', 'is,fallback_cause,timeout']);
    await userEvent.click(screen.getByRole('button', { name: 'Clear all' }));
    await userEvent.click(screen.getByRole('link', { name: 'Users' }));
    const sources = await screen.findByRole('table', { name: /From first message/ });
    await userEvent.click(within(sources).getByRole('button', { name: /Source is habr/ }));
    expect(search()).toEqual(['is,source,habr']);
  });

  it('leaves the address when its cell of the heatmap or its bar becomes the period', async () => {
    await renderApp({ path: '/?f=is,status,failed', play: playing() });
    const table = await screen.findByRole('table', { name: 'When people write' });
    await userEvent.click(within(table).getByRole('button', { name: /Monday 14:00/ }));
    const view = readView(new URLSearchParams(window.location.search));
    expect(view).toMatchObject({
      period: 'custom',
      from: '2026-03-09T11:00Z',
      to: '2026-03-09T12:00Z',
      filters: [is('status', 'failed')],
    });
    const chart = screen.getByRole('slider', { name: /Activity: .*press Enter/ });
    fireEvent.keyDown(chart, { key: 'Home' });
    fireEvent.keyDown(chart, { key: 'Enter' });
    const day = readView(new URLSearchParams(window.location.search));
    expect(day).toMatchObject({ period: 'custom', from: '2026-03-04', to: '2026-03-04' });
  });
});

describe('a count', () => {
  it('opens exactly its turns', async () => {
    const { requests } = await renderApp({ path: '/models', play: playing() });
    const models = await screen.findByRole('table', { name: 'Models' });
    await userEvent.click(within(models).getByRole('link', { name: '(40)' }));
    await screen.findByRole('table', { name: 'Turns, newest first' });
    expect(search()).toEqual(['is,model,slow-model', 'is,status,failed']);
    expect(asked(requests, '/turns').at(-1)).toEqual([
      ['is', 'model', ['slow-model']],
      ['is', 'status', ['failed']],
    ]);
    expect(screen.getByText(/^1,000 turns in this view, Mar 4\s–\s10$/)).toBeVisible();
    expect(screen.getByText('instead of slow-model: Rate limited')).toBeVisible();
  });
});

describe('a person', () => {
  it('has a page with facts, models, dialogs and turns', async () => {
    const { requests } = await renderApp({ path: '/users', play: playing() });
    const top = await screen.findByRole('table', { name: 'Top users' });
    await userEvent.click(within(top).getByRole('link', { name: '#42' }));
    expect(await screen.findByRole('heading', { name: 'Ann Lee', level: 1 })).toBeVisible();
    expect(window.location.pathname).toBe('/people/42');
    expect(screen.getByText('#42 · @ann')).toBeVisible();
    expect(screen.getByText('17')).toBeVisible();
    await screen.findByRole('table', { name: 'Turns, newest first' });
    for (const path of ['/activity', '/models', '/dialogs', '/turns']) {
      expect(asked(requests, path).at(-1)).toEqual([['is', 'person', [42]]]);
    }
    const facts = screen.getByRole('region', { name: 'Since the first turn' });
    await userEvent.click(within(facts).getByRole('link', { name: '7' }));
    expect(search()).toEqual(['is,person,42', 'is,status,failed']);
  });

  it('that cannot be is not found', async () => {
    await renderApp({ path: '/people/ann', play: playing() });
    expect(await screen.findByText('Page not found')).toBeVisible();
  });
});

describe('a dialog', () => {
  it('has a page with its turns, and its texts for those who may read them', async () => {
    const { requests } = await renderApp({
      path: `/dialogs/${dialog.dialog_id}`,
      scopes: ['stats:read', 'texts:read'],
      play: playing(),
    });
    expect(await screen.findByRole('heading', { name: 'Dialog of @ann' })).toBeVisible();
    expect(await screen.findByRole('button', { name: 'Read' })).toBeVisible();
    expect(asked(requests, '/turns').at(-1)).toEqual([['is', 'dialog', [dialog.dialog_id]]]);
    await userEvent.click(screen.getByRole('button', { name: 'Read' }));
    expect(await screen.findByText(/This is a private conversation/)).toBeVisible();
  });

  it('that cannot be is not found', async () => {
    await renderApp({ path: '/dialogs/1', play: playing() });
    expect(await screen.findByText('Page not found')).toBeVisible();
  });
});
