/** Tables of any rows: order, names of any length, the rest of many rows. */

import { fireEvent, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { nameOf, visible } from '../src/pages/people';
import { sumOfModels } from '../src/pages/sums';
import { Clipped } from '../src/ui/Clipped';
import { type Column, DataTable } from '../src/ui/DataTable';
import { type Order, sortRows } from '../src/ui/order';
import { ANSWERS, model, playing, turn } from './answers';
import { renderApp, renderPart } from './world';

interface Row {
  readonly name: string;
  readonly cost: string | null;
}
const ROWS: Row[] = [
  { name: 'model-10', cost: '9.5' },
  { name: 'model-2', cost: null },
  { name: 'Ёж', cost: '10.5' },
];
const COLUMNS: Column<Row>[] = [
  { key: 'name', title: 'Name', value: (row) => row.name, isHeader: true },
  { key: 'cost', title: 'Cost', value: (row) => row.cost, isNumeric: true, isMinor: true },
];
const names = () => screen.getAllByRole('rowheader').map((cell) => cell.textContent);

function Table({ rows = ROWS, at = 9 }: { readonly rows?: Row[]; readonly at?: number }) {
  const [order, onOrder] = useState<Order | null>(null);
  return (
    <DataTable
      caption="Costs"
      columns={COLUMNS}
      rows={rows}
      keyOf={(row) => row.name}
      sorting={{ order, onOrder }}
      cut={{
        at,
        title: (count) => `${count} others`,
        sum: (others) => ({ name: '', cost: String(others.length) }),
      }}
    />
  );
}

describe('the order of a table', () => {
  it('begins with the greatest number and with the first letter; the unknown is last', async () => {
    await renderPart(<Table />);
    expect(names()).toEqual(['model-10', 'model-2', 'Ёж']);
    const cost = screen.getByRole('button', { name: 'Cost' });
    await userEvent.click(cost);
    expect(names()).toEqual(['Ёж', 'model-10', 'model-2']);
    const head = () => screen.getByRole('columnheader', { name: 'Cost' });
    expect(head()).toHaveAttribute('aria-sort', 'descending');
    await userEvent.click(cost);
    expect(head()).toHaveAttribute('aria-sort', 'ascending');
    expect(names()).toEqual(['model-10', 'Ёж', 'model-2']);
    await userEvent.click(screen.getByRole('button', { name: 'Name' }));
    expect(names()).toEqual(['model-2', 'model-10', 'Ёж']);
  });

  it('knows days from numbers, and false from true', () => {
    const by = (cells: readonly (string | boolean)[], isDescending: boolean) =>
      sortRows(cells, [{ key: 'a', value: (cell) => cell }], { key: 'a', isDescending }, 'en');
    expect(by(['2026-03-02', '2025-12-31'], false)).toEqual(['2025-12-31', '2026-03-02']);
    expect(by([true, false], false)).toEqual([false, true]);
    expect(by(['', 'b', 'A'], true)).toEqual(['b', 'A', '']);
  });

  it('is kept in the address, and other pages do not take it along', async () => {
    await renderApp({ path: '/models?sort=models:model', play: playing() });
    const table = await screen.findByRole('table', { name: 'Models' });
    const head = within(table).getByRole('columnheader', { name: 'Model' });
    expect(head).toHaveAttribute('aria-sort', 'ascending');
    await userEvent.click(within(table).getByRole('button', { name: 'Cost' }));
    expect(new URLSearchParams(window.location.search).get('sort')).toBe('models:-cost_usd');
    expect(screen.getByRole('link', { name: 'Users' })).toHaveAttribute('href', '/users');
  });

  it.each(['models:nothing', 'models', ':', 'models:--cost_usd', '%00'])(
    'ignores an address that names no column: %s',
    async (sort) => {
      await renderApp({ path: `/models?sort=${sort}`, play: playing() });
      const table = await screen.findByRole('table', { name: 'Models' });
      expect(table.querySelector('[aria-sort]')).toBeNull();
    },
  );
});

describe('many rows', () => {
  it('are the first and one for all others, until everything is asked for', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => ({ name: `m${index}`, cost: '1' }));
    await renderPart(<Table rows={rows} at={10} />);
    expect(names()).toHaveLength(11);
    expect(screen.getByRole('row', { name: /40 others/ })).toHaveTextContent('40 others40');
    await userEvent.click(screen.getByRole('button', { name: 'Show all 50' }));
    expect(names()).toHaveLength(50);
  });

  it('of a rest of one are all', async () => {
    await renderPart(<Table at={2} />);
    expect(names()).toHaveLength(3);
  });

  it('add up what can be added', () => {
    const row = model('a', { answers: 4, served_turns: 10, failed: 1, cost_usd: 0.5 });
    const sum = sumOfModels([row, { ...row, failed: 3, cost_usd: null }]);
    expect(sum).toMatchObject({ failed: 4, error_rate: 0.2, cost_usd: 0.5, latency_p50_ms: null });
    expect(sum.cost_per_answer_usd).toBe(0.0625);
    expect(sumOfModels([{ ...row, cost_usd: null }]).cost_usd).toBeNull();
  });

  it('of unknown price are named up to five', async () => {
    const answer = ANSWERS['/api/v1/stats/costs'] as { costs: object };
    const unpriced_models = Array.from({ length: 8 }, (_, n) => ({ model: `free-${n}`, turns: 1 }));
    const own = { ...answer, costs: { ...answer.costs, unpriced_models } };
    await renderApp({ path: '/models', play: playing({ '/api/v1/stats/costs': own }) });
    expect(await screen.findByText(/free-4 \(1\), 3 other models$/)).toBeVisible();
  });

  it('of models end in the rest', async () => {
    const answer = ANSWERS['/api/v1/stats/models'] as { models: object };
    const models = Array.from({ length: 50 }, (_, n) => model(`m${n}`, { turns: 1 }));
    const own = { ...answer, models: { ...answer.models, models } };
    await renderApp({ path: '/models', play: playing({ '/api/v1/stats/models': own }) });
    const table = await screen.findByRole('table', { name: 'Models' });
    expect(within(table).getByRole('row', { name: /40 other models/ })).toHaveTextContent('40');
  });
});

describe('names', () => {
  const person = (name: string | null, username: string | null = null) =>
    nameOf({ '7': { name, username } }, 7);

  it.each([
    '',
    '\u200b\u2060',
    '\u3164',
    '\u00ad\ufeff',
    '\u2800',
    ' \t\n',
    '\u0301',
    '\ue000',
    '\u{e0041}',
  ])('that cannot be seen are the key: %j', (name) => {
    expect(person(name)).toBe('#7');
    expect(person(name, 'ann')).toBe('@ann');
    expect(person(name, name)).toBe('#7');
  });

  it.each([
    ['Ann', 'Ann'],
    ['  Ann\n Lee ', 'Ann Lee'],
    ['\u202eAnn', 'Ann'],
    ['👩‍💻', '👩‍💻'],
    ['محمد', 'محمد'],
    ['ㅤa', 'ㅤa'],
  ])('that can be seen stay: %j', (name, shown) => {
    expect(visible(name)).toBe(shown);
  });

  it('that are cut show all of themselves on focus and hover', async () => {
    vi.spyOn(Element.prototype, 'scrollWidth', 'get').mockReturnValue(400);
    vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(100);
    await renderPart(<Clipped text={'W'.repeat(64)} />);
    const name = screen.getByText('W'.repeat(64));
    await userEvent.tab();
    expect(name).toHaveFocus();
    const whole = () => document.querySelector('.whole');
    expect(whole()).toHaveTextContent('W'.repeat(64));
    await userEvent.keyboard('{Escape}');
    expect(whole()).toBeNull();
    fireEvent.pointerEnter(name);
    expect(whole()).toBeVisible();
    fireEvent.pointerLeave(name);
    expect(whole()).toBeNull();
  });

  it('that fit are no stop of the keyboard', async () => {
    await renderPart(<Clipped text="Ann" />);
    expect(screen.getByText('Ann')).not.toHaveAttribute('tabindex');
  });
});

describe('a column of durations', () => {
  it('has one unit and the same decimals, in pairs too', async () => {
    const times = [
      { latency_p50_ms: 850, latency_p95_ms: 125_000, fallback_wait_ms: 900 },
      { latency_p50_ms: 1200, latency_p95_ms: 4300, fallback_wait_ms: 61_000 },
    ];
    const models = times.map((part, index) => model(`model-${index}`, part));
    await renderApp({
      path: '/models',
      play: playing({ '/api/v1/stats/models': { models: { models, causes: [] } } }),
    });
    const table = await screen.findByRole('table', { name: 'Models' });
    expect(within(table).getByText('125.0 sec').parentElement).toHaveTextContent(
      '0.9 sec / 125.0 sec',
    );
    const short = within(table).getByText('4.3 sec');
    expect(short.parentElement).toHaveTextContent('1.2 sec / 4.3 sec');
    const lost = within(table).getAllByTitle('Lost to fallbacks');
    expect(lost.map((one) => one.textContent?.split(' ·')[0])).toEqual(['0.9 sec', '61.0 sec']);
  });

  it('is one of the list of turns', async () => {
    const turns = [850, 12_300].map((latency_ms, index) => ({
      ...turn,
      turn_id: `0000000${index}-0000-4000-8000-000000000000`,
      latency_ms,
    }));
    await renderApp({
      path: '/turns',
      play: playing({ '/api/v1/stats/turns': { ...ANSWERS['/api/v1/stats/turns'], turns } }),
    });
    expect(await screen.findByText('0.9 sec')).toBeVisible();
    expect(screen.getByText('12.3 sec')).toBeVisible();
  });
});
