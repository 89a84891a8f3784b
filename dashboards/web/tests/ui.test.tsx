import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { act } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { floorsOf, Heatmap, levelOf } from '../src/charts/Heatmap';
import { labelStep, partialDayFrom, partialFrom } from '../src/charts/model';
import { levelOf as rateLevel, retentionCsv } from '../src/charts/RetentionGrid';
import { DEFINITIONS } from '../src/i18n';
import definitions from '../src/i18n/metrics.en.json';
import { download, objectsCsv, toCsv } from '../src/ui/csv';
import { Explain } from '../src/ui/Explain';
import { FreshnessBadge } from '../src/ui/FreshnessBadge';
import { createFormats } from '../src/ui/format';
import { Kpi, type Sense } from '../src/ui/Kpi';
import { renderPart } from './world';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const formats = createFormats('en', 'Europe/Moscow');

describe('formats', () => {
  it.each([
    [null, '–'],
    [0, '$0.00'],
    ['0.00042', '$0.00042'],
    ['0.000012345', '$0.000012'],
    ['0.0000000001', '<$0.000001'],
    ['0.99999', '$1.00'],
    ['0.9999', '$0.9999'],
    [-0.00004, '-$0.00004'],
    ['0.5', '$0.5000'],
    ['12.345', '$12.35'],
    ['12345.6', '$12,346'],
  ])('shows %s dollars as %s', (value, text) => expect(formats.money(value)).toBe(text));

  it.each([
    [
      ['12.5', '0.004', null, '0.6', 0],
      ['$12.50', '<$0.01', '–', '$0.60', '$0.00'],
    ],
    [
      ['1.25', '0.00042', '0.00001'],
      ['$1.2500', '$0.0004', '<$0.0001'],
    ],
    [
      ['3', '1.5', '0'],
      ['$3.00', '$1.50', '$0.00'],
    ],
    [
      ['0.0042', '0.00031'],
      ['$0.004200', '$0.000310'],
    ],
  ])('shows a column of %j dollars with the same decimals', (values, texts) =>
    expect(values.map(formats.moneyColumn(values))).toEqual(texts),
  );

  it('shows a column of parts with one decimal', () =>
    expect([0, 0.12, 0.1234, 0.99999, 1, null].map(formats.rate)).toEqual([
      '0.0%',
      '12.0%',
      '12.3%',
      '>99.9%',
      '100.0%',
      '–',
    ]));

  it.each([
    [-3, '0 sec'],
    [59.4, '59 sec'],
    [125, '2 min'],
    [7500, '2 hr 5 min'],
    [7200, '2 hr'],
    [200_000, '2 days'],
  ])('shows an age of %i s as %s', (seconds, text) => expect(formats.age(seconds)).toBe(text));

  it.each([
    [
      [0, 50_000, 100_000, 150_000],
      ['$0', '$50K', '$100K', '$150K'],
    ],
    [
      [0, 500, 1000],
      ['$0', '$500', '$1,000'],
    ],
    [
      [0, 0.5, 1],
      ['$0.00', '$0.50', '$1.00'],
    ],
    [
      [0, 0.05, 0.1],
      ['$0.00', '$0.05', '$0.10'],
    ],
    [
      [0, 0.0005, 0.001],
      ['$0.0000', '$0.0005', '$0.0010'],
    ],
  ])('labels an axis of %j dollars', (ticks, labels) =>
    expect(formats.moneyTicks(ticks)).toEqual(labels),
  );

  it.each([
    [0, '0%'],
    [0.0001, '<0.1%'],
    [0.0005, '0.1%'],
    [0.99999, '>99.9%'],
    [1, '100%'],
  ])('shows a part of %d as %s', (value, text) => expect(formats.percent(value)).toBe(text));

  it('names the year of what is not of this one', () => {
    const later = createFormats('en', 'Europe/Moscow', new Date('2027-01-02T00:00:00Z'));
    expect(later.day('2026-12-31')).toBe('Dec 31, 2026');
    expect(later.day('2027-01-01')).toBe('Jan 1');
    // In Moscow the year has begun.
    expect(later.moment('2026-12-31T22:00:00Z')).toBe('Jan 1, 01:00');
    expect(later.days('2026-12-28', '2027-01-03')).toMatch(/^Dec 28, 2026\s–\sJan 3, 2027$/);
    expect(later.days('2027-01-04', '2027-01-10')).toMatch(/^Jan 4\s–\s10$/);
    expect(later.month('2026-12-01')).toBe('Dec 2026');
  });

  it('shows moments in the zone, and calendar days as they are', () => {
    expect(formats.moment('2026-03-01T22:30:00Z')).toBe('Mar 2, 01:30');
    expect(formats.day('2026-03-01T22:30:00Z')).toBe('Mar 2');
    expect(createFormats('en', 'America/Los_Angeles').day('2026-03-01')).toBe('Mar 1');
    expect(formats.time('2026-03-01T21:00:00Z')).toBe('00:00');
    expect(formats.weekday(1)).toBe('Mon');
    expect(formats.weekday(7, 'long')).toBe('Sunday');
  });

  it('says days of whole days, and the times of everything else', () => {
    const span = formats.span;
    expect(span('2026-03-03T21:00:00Z', '2026-03-10T21:00:00Z')).toMatch(/^Mar 4\s–\s10$/);
    expect(span('2026-03-09T21:00:00Z', '2026-03-10T21:00:00Z')).toBe('Mar 10');
    expect(span('2026-03-10T11:00:00Z', '2026-03-10T12:00:00Z')).toMatch(
      /^Mar 10, 14:00\s–\s15:00$/,
    );
    expect(span('2026-03-09T21:00:00Z', '2026-03-10T20:45:00Z')).toMatch(/00:00\s–\s23:45$/);
  });

  it('says nothing about what is unknown', () => {
    expect([formats.count(null), formats.percent(null), formats.decimal(undefined)]).toEqual(
      Array(3).fill('–'),
    );
    expect(formats.milliseconds(null)).toBe('–');
    expect(formats.milliseconds(850)).toBe('850 ms');
    expect(formats.milliseconds(1234)).toBe('1.2 sec');
    const column = (...values: (number | null)[]) => values.map(formats.durationColumn(values));
    expect(column(850, 12, null)).toEqual(['850 ms', '12 ms', '–']);
    expect(column(125_000, 12_000, 1234, 850, 0)).toEqual([
      '125.0 sec',
      '12.0 sec',
      '1.2 sec',
      '0.9 sec',
      '0.0 sec',
    ]);
    expect(column(12_000, 85, 4)).toEqual(['12.00 sec', '0.09 sec', '<0.01 sec']);
  });

  it('speaks Russian', () => {
    const russian = createFormats('ru', 'UTC');
    expect(russian.count(12_345)).toMatch(/^12\s345$/);
    expect(russian.age(65)).toBe('1 мин');
  });
});

describe('CSV', () => {
  it('quotes what would break a line, and disarms formulas', () => {
    const csv = toCsv({
      name: 'x',
      columns: ['a', 'b'],
      rows: [
        ['plain', 1.5],
        ['with, "quotes"', null],
        ['=1+1', '-0.5'],
        ['two\nlines', true],
      ],
    });
    expect(csv).toBe(
      'a,b\r\nplain,1.5\r\n"with, ""quotes""",\r\n\'=1+1,-0.5\r\n"two\nlines",true\r\n',
    );
  });

  it('takes flat objects as they are and joins the names of nested ones', () => {
    const csv = objectsCsv('x', [
      { a: 1, b: null, c: { d: 2, e: { f: 'x' } }, g: ['y', 'z'] },
      { a: 2, h: true },
    ]);
    expect(csv.columns).toEqual(['a', 'b', 'c_d', 'c_e_f', 'g', 'h']);
    expect(csv.rows).toEqual([
      [1, null, 2, 'x', 'y z', undefined],
      [2, undefined, undefined, undefined, undefined, true],
    ]);
    expect(objectsCsv('x', [])).toEqual({ name: 'x', columns: [], rows: [] });
  });

  it('lays cohorts of different age side by side', () => {
    const csv = retentionCsv('retention', [
      { start: '2026-03-01', users: 4, active: [4, 2] },
      { start: '2026-03-02', users: 2, active: [2] },
    ]);
    expect(csv.columns).toEqual(['start', 'users', 'active_0', 'active_1']);
    expect(csv.rows[1]).toEqual(['2026-03-02', 2, 2, null]);
  });

  it('becomes a file under its name', () => {
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    download({ name: 'activity', columns: ['a'], rows: [[1]] });
    expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe('activity.csv');
  });
});

describe('Kpi', () => {
  const CHART = { points: [1, 2], chart: { isShown: true, onToggle: vi.fn() } };

  it('gives a change that may be chance no colour', async () => {
    const { container } = await renderPart(
      <Kpi
        label="People"
        value="5"
        current={5}
        previous={3}
        previousText="3"
        sense="more-is-better"
        isSure={false}
        metrics={['active_users']}
        {...CHART}
      />,
    );
    expect(container.querySelector('.delta')).toHaveClass('plain');
  });

  const kpi = (current: number | null, previous: number | null | undefined, sense: Sense) => (
    <Kpi
      label="People"
      value={String(current)}
      current={current}
      previous={previous}
      previousText={String(previous)}
      sense={sense}
      metrics={['active_users']}
      {...CHART}
    />
  );

  it.each([
    [120, 100, 'more-is-better', '↑ +20%', 'good'],
    [80, 100, 'more-is-better', '↓ -20%', 'bad'],
    [120, 100, 'less-is-better', '↑ +20%', 'bad'],
    [80, 100, 'neutral', '↓ -20%', 'plain'],
    [100, 100, 'more-is-better', '→ 0%', 'plain'],
  ] as const)('tells %i after %i (%s) as %s, %s', async (now, before, sense, text, mood) => {
    const { container } = await renderPart(kpi(now, before, sense));
    const delta = container.querySelector('.delta');
    expect(delta).toHaveTextContent(text);
    expect(delta).toHaveClass(mood);
    expect(screen.getByText(`vs ${before}`)).toBeVisible();
  });

  it('shows itself in the chart when it is pressed, and says that it does', async () => {
    const { container } = await renderPart(kpi(5, 3, 'neutral'));
    const chart = screen.getByRole('button', { name: 'Show in the chart: People' });
    expect(chart).toHaveAttribute('aria-pressed', 'true');
    expect(container.querySelector('.sparkline path')).not.toBeNull();
    await userEvent.click(chart);
    expect(CHART.chart.onToggle).toHaveBeenCalledTimes(1);
  });

  it('divides by nothing', async () => {
    const { container, show } = await renderPart(kpi(5, 0, 'neutral'));
    expect(container.querySelector('.delta')).toBeNull();
    show(kpi(5, null, 'neutral'));
    expect(screen.getByText('no earlier data')).toBeVisible();
    show(kpi(5, undefined, 'neutral'));
    expect(container.querySelector('.kpi-before')).toBeEmptyDOMElement();
  });

  it('tells the change of a share in points', async () => {
    await renderPart(
      <Kpi
        label="Failed"
        value="3%"
        current={0.03}
        previous={0.025}
        previousText="2.5%"
        sense="less-is-better"
        isShare
        metrics={['error_rate']}
        {...CHART}
      />,
    );
    expect(screen.getByText(/\+0\.5 pp/)).toBeVisible();
  });
});

describe('Explain', () => {
  // jsdom has no popovers; a browser opens one in the tests of the whole stack.
  const opened = () => Object.assign(new Event('toggle'), { newState: 'open' });

  it('shows the definitions of its metrics when it is opened', async () => {
    const { container } = await renderPart(<Explain metrics={['dau', 'mau']} of="Stickiness" />);
    const popover = container.querySelector('.definitions') as HTMLElement;
    expect(popover).toBeEmptyDOMElement();
    await act(async () => popover.dispatchEvent(opened()));
    expect(await within(popover).findAllByRole('term', { hidden: true })).toHaveLength(2);
    expect(popover).toHaveTextContent(definitions.mau.definition);
  });

  it('says when they cannot be loaded', async () => {
    vi.spyOn(DEFINITIONS, 'en').mockRejectedValue(new TypeError('offline'));
    const { container } = await renderPart(<Explain metrics={['dau']} of="Stickiness" />);
    const popover = container.querySelector('.definitions') as HTMLElement;
    await act(async () => popover.dispatchEvent(opened()));
    expect(popover).toHaveTextContent('The texts could not be loaded.');
  });
});

describe('FreshnessBadge', () => {
  const NOW = Date.parse('2026-03-10T12:00:00Z');
  const badge = (through: string | null, isCutOff = false) => (
    <FreshnessBadge dataThrough={through} tz="UTC" now={() => Date.now()} isCutOff={isCutOff} />
  );

  it.each([
    ['2026-03-10T11:59:50Z', 'fresh', 'Updated 10 sec ago'],
    ['2026-03-10T11:57:59Z', 'late', 'Updated 2 min ago'],
    ['2026-03-10T11:00:00Z', 'stale', 'Updated 1 hr ago'],
    [null, 'unknown', 'Not loaded yet'],
  ])('is, for data through %s, %s', async (through, mood, text) => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date', 'setInterval', 'clearInterval'] });
    await renderPart(badge(through));
    const shown = screen.getByText(text);
    expect(shown.closest('.freshness')).toHaveAttribute('data-mood', mood);
  });

  it('turns amber while the page stays open', async () => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date', 'setInterval', 'clearInterval'] });
    await renderPart(badge('2026-03-10T11:58:01Z'));
    expect(document.querySelector('.freshness')).toHaveAttribute('data-mood', 'fresh');
    act(() => void vi.advanceTimersByTime(2000));
    expect(document.querySelector('.freshness')).toHaveAttribute('data-mood', 'late');
  });

  it('says that it is not updated', async () => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date', 'setInterval', 'clearInterval'] });
    await renderPart(badge('2026-03-10T11:59:50Z', true));
    expect(screen.getByText('Updated 10 sec ago · not updating')).toBeVisible();
    expect(document.querySelector('.freshness')).toHaveAttribute('data-mood', 'late');
  });
});

describe('Heatmap', () => {
  it('is a table of weekdays and hours with a number in each cell', async () => {
    const cells = [{ weekday: 2, hour: 13, user_messages: 50, active_users: 5 }];
    await renderPart(<Heatmap cells={cells} caption="When people write" />);
    const table = screen.getByRole('table', { name: 'When people write' });
    expect(within(table).getAllByRole('row')).toHaveLength(8);
    const cell = within(table).getByTitle('Tuesday 13:00: 50 messages, 5 people');
    expect(cell).toHaveAttribute('data-level', '5');
    expect(cell).toHaveTextContent('50');
  });

  it.each([100, 10_000, 1_000_000])('still shows the usual week after a burst of %i', (burst) => {
    const usual = Array.from({ length: 60 }, (_, n) => 5 + (n % 10));
    const floors = floorsOf([...usual, burst]);
    expect(new Set(usual.map((value) => levelOf(value, floors))).size).toBe(5);
    expect(levelOf(burst, floors)).toBe(5);
    expect(floorsOf([1, 1, 1, 1, 1, 1, burst])).toEqual([1, burst]);
  });

  it('gets darker in five steps', () => {
    const values = Array.from({ length: 100 }, (_, n) => n + 1);
    const levels = (all: readonly number[], ...some: number[]) =>
      some.map((value) => levelOf(value, floorsOf(all)));
    expect(levels(values, 0, 1, 20, 21, 100)).toEqual([0, 1, 1, 2, 5]);
    expect(levels([], 0)).toEqual([0]);
    expect(levels([0, 7, 7], 0, 7)).toEqual([0, 5]);
    expect([0, 0.05, 0.2, 0.3, 0.5, 1].map(rateLevel)).toEqual([0, 1, 3, 4, 4, 5]);
  });
});

describe('the time axis', () => {
  it('leaves room for its labels', () => {
    expect(labelStep(7, 700, 58)).toBe(1);
    expect(labelStep(30, 300, 58)).toBe(6);
  });

  it.each([
    [[], '2026-03-01T00:00:00Z', null],
    [['2026-03-01T00:00:00Z'], null, null],
    [['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'], '2026-03-01T10:00:00Z', 0],
    [['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'], '2026-03-02T10:00:00Z', 1],
    [['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z'], '2026-03-03T10:00:00Z', null],
    [['2026-03-01T00:00:00Z'], '2026-03-01T00:30:00Z', 0],
    [['2026-03-02T00:00:00Z'], '2026-03-01T00:30:00Z', 0],
  ])('knows which bucket of %o is still filling at %s', (starts, through, index) => {
    expect(partialFrom(starts, through)).toBe(index);
  });

  it.each([
    [['2026-03-01', '2026-03-02'], '2026-03-01T22:00:00Z', '2026-03-02T21:00:00Z', 1],
    [['2026-03-01', '2026-03-02'], '2026-03-01T20:00:00Z', '2026-03-02T21:00:00Z', 0],
    [['2026-03-01', '2026-03-02'], '2026-03-02T21:00:00Z', '2026-03-02T21:00:00Z', null],
    // Ends at a midnight of Tokyo: Moscow's day has not, and is counted whole.
    [['2026-03-01', '2026-03-02'], '2026-03-02T18:00:00Z', '2026-03-02T15:00:00Z', 1],
    [['2026-02-23', '2026-03-02'], '2026-03-05T10:00:00Z', '2026-03-05T21:00:00Z', 1],
    [['2026-02-23', '2026-03-02'], '2026-03-07T10:00:00Z', '2026-03-05T21:00:00Z', null],
    [['2026-03-02'], '2026-02-01T10:00:00Z', '2026-03-02T21:00:00Z', 0],
    [[], '2026-02-01T10:00:00Z', '2026-03-02T21:00:00Z', null],
  ])('knows which calendar day of %o is open at %s', (starts, through, until, index) => {
    const answer = { newest_through: through, period: { until } };
    expect(partialDayFrom(starts, answer, 'Europe/Moscow')).toBe(index);
  });
});
