import { describe, expect, it } from 'vitest';
import { fittingBuckets } from '../src/charts/buckets';
import { compareQuery, periodQuery } from '../src/period/query';
import {
  addDays,
  DEFAULT_VIEW,
  daysBetween,
  problemOf,
  readView,
  today,
  type View,
  writeView,
} from '../src/period/view';
import { momentAt, wallTime } from '../src/period/wallTime';

const read = (search: string) => readView(new URLSearchParams(search));

describe('a view in the address', () => {
  it('is the last 7 days, compared, in the zone of the reports when nothing is said', () => {
    expect(read('')).toEqual(DEFAULT_VIEW);
    expect(writeView(DEFAULT_VIEW).toString()).toBe('');
  });

  it.each<Partial<View>>([
    { period: 'day' },
    { period: 'month', tz: 'Asia/Kathmandu' },
    { compare: false },
    { period: 'custom', from: '2026-03-01', to: '2026-03-01', tz: 'UTC', compare: false },
    { period: 'last_month', bucket: 'week', metric: 'error_rate', budget: 99.5 },
    { compareWith: 'weekdays', bucket: '15m' },
    { compareWith: '2025-11-01' },
  ])('reads back what was written: %o', (part) => {
    const view = { ...DEFAULT_VIEW, ...part };
    expect(readView(writeView(view))).toEqual(view);
  });

  it.each([
    'period=year',
    'period=custom',
    'period=custom&from=2026-03-02&to=2026-03-01',
    'period=custom&from=2026-02-31&to=soon',
    'tz=Nowhere/City',
    'tz=',
    'compare=yes',
    'with=2025-13-01',
    'bucket=minute&metric=fun&budget=-1',
  ])('falls back to the default for %s', (search) => {
    expect(read(search)).toEqual(DEFAULT_VIEW);
  });
});

describe('days', () => {
  it('are counted with both ends, over leap days and clock changes', () => {
    expect(daysBetween('2028-02-28', '2028-03-01')).toBe(3);
    expect(addDays('2026-03-28', 2)).toBe('2026-03-30');
    expect(problemOf('2026-03-01', '2026-03-31')).toBeNull();
  });

  it('begin where the zone says', () => {
    const evening = new Date('2026-03-01T22:30:00Z');
    expect(today('UTC', evening)).toBe('2026-03-01');
    expect(today('Europe/Moscow', evening)).toBe('2026-03-02');
    expect(today(null, evening)).toMatch(/^2026-03-0[12]$/);
  });
});

describe('the question of a view', () => {
  it('names a period, and the zone only when one is chosen', () => {
    expect(periodQuery(DEFAULT_VIEW)).toEqual({ period: 'week' });
    expect(periodQuery({ ...DEFAULT_VIEW, tz: 'UTC' })).toEqual({ period: 'week', tz: 'UTC' });
  });

  it('ends a custom period before the day after its last', () => {
    const view: View = { ...DEFAULT_VIEW, period: 'custom', from: '2026-02-27', to: '2026-02-28' };
    expect(periodQuery(view)).toEqual({ period: 'custom', from: '2026-02-27', to: '2026-03-01' });
  });
});

describe('the question of a chart', () => {
  it('has the width of its points where that suits the period', () => {
    expect(compareQuery({ ...DEFAULT_VIEW, bucket: 'hour' })).toMatchObject({ bucket: 'hour' });
    expect(compareQuery({ ...DEFAULT_VIEW, period: '12mo', bucket: 'hour' })).not.toHaveProperty(
      'bucket',
    );
    expect(fittingBuckets(1)).toEqual(['15m', 'hour']);
    expect(fittingBuckets(30)).toEqual(['hour', 'day', 'week']);
  });

  it.each([
    [{ compare: false }, { compare: false }],
    [{}, { compare: true }],
    [{ compareWith: 'year' }, { compare: true, compare_with: 'year' }],
    [{ compareWith: '2025-11-01' }, { compare: true, compare_from: '2025-11-01' }],
    [{ compare: false, compareWith: 'year' }, { compare: false }],
  ])('names the other period: %o', (part, query) => {
    expect(compareQuery({ ...DEFAULT_VIEW, ...part })).toEqual({ period: 'week', ...query });
  });
});

describe('the clock of a zone', () => {
  it.each([
    ['2026-03-09T11:00Z', 'Europe/Moscow', '2026-03-09T14:00'],
    ['2026-03-08T18:15Z', 'Asia/Kathmandu', '2026-03-09T00:00'],
    // The night in which clocks are set forward, and the one in which they are set back.
    ['2026-03-29T00:45Z', 'Europe/Berlin', '2026-03-29T01:45'],
    ['2026-03-29T01:00Z', 'Europe/Berlin', '2026-03-29T03:00'],
    ['2026-10-25T01:30Z', 'Europe/Berlin', '2026-10-25T02:30'],
  ])('shows %s in %s as %s, and back', (moment, tz, wall) => {
    expect(wallTime(moment, tz)).toBe(wall);
    expect(momentAt(wall, tz)).toBe(moment);
  });

  it('has no moment for what is no time', () => {
    expect(momentAt('', 'UTC')).toBe('');
  });
});
