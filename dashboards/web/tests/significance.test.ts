import { describe, expect, it } from 'vitest';
import { countsDiffer, differ, interval, timesDiffer } from '../src/pages/significance';
import { worstModel } from '../src/pages/worstModel';
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

/** Turns one after the other, of which each model fails its share; the same at every run. */
function* growing(rates: Record<string, number>, turns: number) {
  let state = 12345;
  const chance = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const counts = new Map(Object.keys(rates).map((name) => [name, { failed: 0, served: 0 }]));
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, count] of counts) {
      count.served++;
      if (chance() < (rates[name] ?? 0)) count.failed++;
    }
    yield [...counts].map(([name, { failed, served }]) => failing(name, failed, served));
  }
}

describe('the sentence about models', () => {
  const told = (rates: Record<string, number>) => {
    let named: string | null = null;
    return [...growing(rates, 1500)].map((models) => {
      named = worstModel(models, named)?.model ?? null;
      return named;
    });
  };

  it('names none of models that are alike, however often it is asked', () => {
    const alike = { a: 0.04, b: 0.04, c: 0.05 };
    expect(new Set(told(alike))).toEqual(new Set([null]));
  });

  it('names one that is worse, and goes on naming it', () => {
    const names = told({ a: 0.04, b: 0.15, c: 0.05 });
    const changes = names.filter((name, index) => index > 0 && name !== names[index - 1]);
    expect(names.at(-1)).toBe('b');
    expect(changes).toEqual(['b']);
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
    expect(low).toBeCloseTo(0.046, 3);
    expect(high).toBeCloseTo(0.2038, 3);
  });
});
