/** What the page on the screen can do, for the box that finds everything. */

import { createContext, useContext, useEffect, useId, useRef } from 'react';

export interface PageAction {
  readonly label: string;
  readonly run: () => void;
}

/** The actions of the parts that are on the screen now. */
export class PageActions {
  readonly #actions = new Map<string, PageAction>();

  get all(): readonly PageAction[] {
    return [...this.#actions.values()];
  }

  add(key: string, action: PageAction): () => void {
    this.#actions.set(key, action);
    return () => this.#actions.delete(key);
  }
}

const Context = createContext(new PageActions());
export const PageActionsProvider = Context.Provider;

export function usePageActions(): PageActions {
  return useContext(Context);
}

/** Offers an action as long as its part is on the screen; without a label it offers none. */
export function usePageAction(label: string | null, run: () => void): void {
  const actions = useContext(Context);
  const key = useId();
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    if (label === null) return undefined;
    return actions.add(key, { label, run: () => latest.current() });
  }, [actions, key, label]);
}
