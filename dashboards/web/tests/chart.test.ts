/** What is computed for charts: sparklines, the forecast's line, pictures. */

import { describe, expect, it } from 'vitest';
import { firstUses } from '../src/charts/marks';
import { fileName, seriesRows } from '../src/pages/files';
import { monthLine } from '../src/pages/monthForecast';
import { standalone } from '../src/ui/picture';
import { pathOf } from '../src/ui/Sparkline';

describe('a sparkline', () => {
  it('goes from zero to the greatest value, with gaps where nothing is known', () => {
    expect(pathOf([0, 5, 10])).toBe('M0 24L50 12L100 0');
    expect(pathOf([null, 5, null, 10, 10])).toBe('M25 12M75 0L100 0');
    expect(pathOf([0, 0])).toBe('M0 24L100 24');
    expect(pathOf([null, 7])).toBeNull();
  });
});

describe('the line of a month', () => {
  const points = [1, null, 2].map((cost_usd, day) => ({ start: `2026-02-0${day + 1}`, cost_usd }));

  it('adds up what was spent and ends at what is expected', () => {
    const line = monthLine('2026-02-01', points, '28');
    expect(line.days).toHaveLength(28);
    expect(line.spent.slice(0, 4)).toEqual([1, 1, 3, null]);
    expect(line.expected.slice(0, 4)).toEqual([null, null, 3, 4]);
    expect(line.expected.at(-1)).toBe(28);
  });

  it('expects nothing while it is too early to tell', () => {
    expect(monthLine('2026-02-01', points, null).expected.every((one) => one === null)).toBe(true);
  });

  it('ends on its last day with the whole of it', () => {
    const whole = Array.from({ length: 28 }, () => ({ start: '', cost_usd: 1 }));
    expect(monthLine('2026-02-01', whole, 28.5).expected.at(-1)).toBe(28.5);
  });
});

describe('a picture', () => {
  it('has the styles of the page in its elements, and not what is under the pointer', () => {
    document.body.innerHTML =
      '<svg class="plot"><rect data-cursor=""/><rect class="bar" style="fill: red"/></svg>';
    const picture = standalone(document.querySelector('svg') as SVGSVGElement, 30, 20);
    expect(picture).toContain('width="50"');
    expect(picture).toMatch(/fill:\s?(red|rgb\(255)/);
    expect(picture).not.toMatch(/class=|data-cursor/);
  });
});

describe('the first use of a model', () => {
  const starts = ['2026-02-28T21:00:00Z', '2026-03-01T21:00:00Z', '2026-03-02T21:00:00Z'];
  const used = (start: string, model: string) => ({ start, model });

  it('lies in the bucket of its first turn, unless it was used before', () => {
    const days = [
      used('2026-03-03', 'new'),
      used('2026-03-02', 'new'),
      used('2026-03-01', 'old'),
      used('2026-03-01', ''),
    ];
    expect(firstUses(days, new Set(['old']), starts, 'Europe/Moscow')).toEqual([
      { model: 'new', index: 1 },
    ]);
  });

  it('may lie in a bucket that the period cuts', () => {
    const weeks = [used('2026-02-23T21:00:00Z', 'new')];
    expect(firstUses(weeks, new Set(), starts, 'Europe/Moscow')).toEqual([
      { model: 'new', index: 0 },
    ]);
  });
});

describe('the file of a chart', () => {
  const named = (since: string, until: string) =>
    fileName('activity', {
      report_timezone: 'UTC',
      period: { since: `${since}Z`, until: `${until}Z`, tz: 'Europe/Moscow' },
    });

  it('is named after its days, or its times', () => {
    expect(named('2026-03-03T21:00', '2026-03-10T21:00')).toBe('activity_2026-03-04_2026-03-10');
    expect(named('2026-03-10T11:00', '2026-03-10T12:00')).toBe(
      'activity_2026-03-10T14-00_2026-03-10T15-00',
    );
  });

  it('tells the two periods apart, as the API does', () => {
    const [one, other] = [{ turns: 1 }, { turns: 2 }];
    expect(seriesRows({ points: [one], previous: [] })).toEqual([one]);
    expect(seriesRows({ points: [one], previous: [other] })).toEqual([
      { span: 'current', turns: 1 },
      { span: 'previous', turns: 2 },
    ]);
  });
});
