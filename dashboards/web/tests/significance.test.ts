import { describe, expect, it } from 'vitest';
import { worstModel } from '../src/pages/Headline';
import { countsDiffer, differ, interval, timesDiffer } from '../src/pages/significance';
import { model } from './answers';

const failing = (name: string, failed: number, served: number) =>
  model(name, { failed, served_turns: served, error_rate: served ? failed / served : null });

describe('a model that fails most', () => {
  it.each([
    ['one failure in one turn', [failing('a', 1, 1), failing('b', 20, 1000)], null],
    ['four failures in four turns', [failing('a', 4, 4), failing('b', 20, 1000)], null],
    ['a difference within chance', [failing('a', 12, 500), failing('b', 10, 500)], null],
    ['a difference beyond chance', [failing('a', 40, 500), failing('b', 10, 500)], 'a'],
    ['no model beside it', [failing('a', 40, 500)], null],
    ['no failures', [failing('a', 0, 500), failing('b', 0, 500)], null],
    [
      'the worst of two bad ones',
      [failing('a', 60, 500), failing('b', 200, 500), failing('c', 1, 5000)],
      'b',
    ],
    ['no turns', [failing('a', 0, 0), failing('b', 0, 0)], null],
  ])('for %s is %s', (_, models, worst) => {
    expect(worstModel(models)?.model ?? null).toBe(worst);
  });
});

describe('a change', () => {
  it('of counts needs cases and a difference', () => {
    expect(countsDiffer(3, 1)).toBe(false);
    expect(countsDiffer(105, 100)).toBe(false);
    expect(countsDiffer(150, 100)).toBe(true);
    expect(countsDiffer(0, 0)).toBe(false);
  });

  it('of shares needs cases and a difference', () => {
    expect(differ({ some: 5, all: 10 }, { some: 0, all: 10 })).toBe(false);
    expect(differ({ some: 23, all: 1000 }, { some: 22, all: 1000 })).toBe(false);
    expect(differ({ some: 80, all: 1000 }, { some: 22, all: 1000 })).toBe(true);
    expect(differ({ some: 0, all: 100 }, { some: 0, all: 100 })).toBe(false);
  });

  it('of times needs answers and a tenth', () => {
    const of = (median: number | null, answers: number) => ({ median, answers });
    expect(timesDiffer(of(2000, 50), of(1000, 5000))).toBe(false);
    expect(timesDiffer(of(1050, 500), of(1000, 500))).toBe(false);
    expect(timesDiffer(of(1200, 500), of(1000, 500))).toBe(true);
    expect(timesDiffer(of(null, 500), of(1000, 500))).toBe(false);
  });

  it('is judged by intervals that hold their share', () => {
    expect(interval({ some: 0, all: 0 })).toEqual({ low: 0, high: 1 });
    const { low, high } = interval({ some: 10, all: 100 });
    expect(low).toBeCloseTo(0.0552, 3);
    expect(high).toBeCloseTo(0.1744, 3);
  });
});
