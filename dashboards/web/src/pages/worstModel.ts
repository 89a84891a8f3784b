/** The model that fails more often than all others together, beyond chance. */

import { useEffect, useRef } from 'react';
import type { ModelRow } from '../api/types';
import { interval, isAbove, isStillAbove } from './significance';
import { sumOfModels } from './sums';

/**
 * null when there is none. The model that was `named` before goes on being the worst with less
 * evidence than it takes to become it, so that a few turns more do not change what is said.
 */
export function worstModel(models: readonly ModelRow[], named?: string | null): ModelRow | null {
  const of = (model: ModelRow) =>
    [partOf(model), partOf(sumOfModels(models.filter((one) => one !== model)))] as const;
  const kept = models.find((model) => model.model === named);
  if (kept && isStillAbove(...of(kept))) return kept;
  const surely = (model: ModelRow) => interval(partOf(model)).low;
  return models
    .filter((model) => isAbove(...of(model)))
    .reduce<ModelRow | null>(
      (worst, model) => (worst === null || surely(model) > surely(worst) ? model : worst),
      null,
    );
}

/** The same, which remembers what it named. */
export function useWorstModel(models: readonly ModelRow[] | undefined): ModelRow | null {
  const named = useRef<string | null>(null);
  const worst = models ? worstModel(models, named.current) : null;
  const name = worst?.model ?? null;
  useEffect(() => {
    if (models) named.current = name;
  }, [models, name]);
  return worst;
}

function partOf({ failed, served_turns }: ModelRow) {
  return { some: failed, all: served_turns };
}
