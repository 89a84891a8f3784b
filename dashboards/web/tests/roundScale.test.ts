/** The scales of charts: round numbers at a good distance, buckets side by side. */

import { describe, expect, it } from 'vitest';
import { linePath } from '../src/charts/axes';
import { bucketScale, numberScale } from '../src/charts/roundScale';

describe('the scale of numbers', () => {
  it.each([
    [1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [8, [0, 2, 4, 6, 8]],
    [137, [0, 50, 100, 150]],
    [150_000, [0, 50_000, 100_000, 150_000]],
    [0.0037, [0, 0.001, 0.002, 0.003, 0.004]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [2.5, [0, 1, 2, 3]],
    [1e12, [0, 2e11, 4e11, 6e11, 8e11, 1e12]],
  ])('up to %d has the ticks %j', (most, ticks) => {
    const scale = numberScale(most, 200, 0);
    expect(scale.ticks(4)).toEqual(ticks);
    expect(scale(0)).toBe(200);
    expect(scale(ticks.at(-1) as number)).toBeCloseTo(0, 9);
  });

  it('has room for every value, and fewer ticks where it is low', () => {
    for (let most = 0.0001; most < 1e9; most *= 1.7) {
      const scale = numberScale(most, 100, 0);
      expect(scale(most)).toBeGreaterThanOrEqual(-1e-9);
      expect(scale.ticks(2).length).toBeLessThanOrEqual(scale.ticks(4).length);
      expect(scale.ticks(4).length).toBeLessThanOrEqual(7);
      expect(scale.ticks(4).length).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('the scale of buckets', () => {
  it('fills its room with equal bars and gaps', () => {
    const scale = bucketScale(4, [30, 430], { inner: 0.25, outer: 0.125 });
    expect(scale.step()).toBe(100);
    expect(scale.bandwidth()).toBe(75);
    expect([0, 1, 3].map(scale)).toEqual([42.5, 142.5, 342.5]);
  });
});

describe('a line', () => {
  it('begins anew after what is not known', () => {
    expect(linePath([[0, 1], [2, 3.456], null, [6, 7]])).toBe('M0,1L2,3.46M6,7');
  });
});
