/** What the pages stand on, handed down from the composition root. */

import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Api } from '../api/api';
import type { Session, SessionState } from '../session/session';
import type { PageReloader } from './reload';

export interface Services {
  readonly api: Api;
  readonly session: Session;
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>;
  readonly reloader: Pick<PageReloader, 'now'>;
}

const Context = createContext<Services | null>(null);

export const ServicesProvider = Context.Provider;

export function useServices(): Services {
  const services = useContext(Context);
  if (!services) throw new Error('ServicesProvider is missing above this component');
  return services;
}

export function useSession(): SessionState {
  const { session } = useServices();
  return useSyncExternalStore(session.subscribe, () => session.state);
}

export function useScope(scope: string): boolean {
  const state = useSession();
  return 'scopes' in state && state.scopes.includes(scope);
}
