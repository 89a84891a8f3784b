/**
 * Who is signed in, as far as this tab knows. The session itself is a cookie that no script reads:
 * all tabs share it. Knows nothing about HTTP or React.
 */

export interface Account {
  readonly username: string;
  readonly scopes: readonly string[];
  readonly sessionId: number;
}

export type SessionState =
  /** The API has not been asked yet, or did not answer. */
  | { readonly status: 'unknown' }
  | { readonly status: 'anonymous' }
  | ({ readonly status: 'active' } & Account)
  /** The page stays as it is and asks for the password again. */
  | ({ readonly status: 'expired' } & Account);

export class Session {
  #state: SessionState = { status: 'unknown' };
  #listeners = new Set<() => void>();

  get state(): SessionState {
    return this.#state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  begin(account: Account): void {
    this.#become({ status: 'active', ...account });
  }

  /** The API knows no session of this browser (any more). */
  readonly expire = (): void => {
    if (this.#state.status === 'unknown') this.end();
    if (this.#state.status === 'active') this.#become({ ...this.#state, status: 'expired' });
  };

  readonly end = (): void => this.#become({ status: 'anonymous' });

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** The name of the account whose page is shown; null without one. */
export function usernameOf(state: SessionState): string | null {
  return 'username' in state ? state.username : null;
}
