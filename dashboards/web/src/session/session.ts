/**
 * Who is signed in: a short-lived bearer token in this tab's sessionStorage. The password is given
 * to the API once and kept nowhere; the token is exchanged for a new one before its time is over,
 * as long as the API does that. Knows nothing about HTTP or React.
 */

export interface Account {
  readonly username: string;
  readonly scopes: readonly string[];
}

export interface Granted extends Account {
  readonly token: string;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly expiresAt: number;
}

export type SessionState =
  | { readonly status: 'anonymous' }
  | ({ readonly status: 'active' } & Granted)
  /** The page stays as it is and asks for the password again. */
  | ({ readonly status: 'expired' } & Account);

/** Asks for a new token, and begins the session anew with it; rejects when there is none now. */
export type Renew = () => Promise<void>;

const KEY = 'dialytics.session';
/** Before the end a new token is asked for this early, or after half of a shorter life. */
const AHEAD_MILLISECONDS = 120_000;
const RETRY_MILLISECONDS = 15_000;
const ANONYMOUS: SessionState = { status: 'anonymous' };

export class Session {
  #state: SessionState;
  #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renew: Renew | undefined;

  constructor(
    private readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
    private readonly now: () => number = Date.now,
  ) {
    this.#state = this.#restore();
    this.#watchTheClock();
  }

  get state(): SessionState {
    return this.#state;
  }

  get token(): string | null {
    return this.#state.status === 'active' ? this.#state.token : null;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** From now on renew the token in time. */
  keepAlive(renew: Renew): void {
    this.#renew = renew;
    this.#watchTheClock();
  }

  begin(granted: Granted): void {
    this.storage.setItem(KEY, JSON.stringify(granted));
    this.#become({ status: 'active', ...granted });
  }

  /** The API no longer takes the token, or its time is over. */
  readonly expire = (): void => {
    if (this.#state.status !== 'active') return;
    const { username, scopes } = this.#state;
    this.storage.removeItem(KEY);
    this.#become({ status: 'expired', username, scopes });
  };

  readonly end = (): void => {
    this.storage.removeItem(KEY);
    this.#become(ANONYMOUS);
  };

  #become(state: SessionState): void {
    this.#state = state;
    this.#watchTheClock();
    for (const listener of this.#listeners) listener();
  }

  #watchTheClock(): void {
    clearTimeout(this.#timer);
    if (this.#state.status !== 'active') return;
    const left = Math.max(0, this.#state.expiresAt - this.now());
    if (!this.#renew) this.#timer = setTimeout(this.expire, left);
    else this.#renewIn(Math.max(left - AHEAD_MILLISECONDS, left / 2));
  }

  #renewIn(milliseconds: number): void {
    this.#timer = setTimeout(this.#renewNow, milliseconds);
  }

  readonly #renewNow = async (): Promise<void> => {
    const asked = this.#state;
    if (asked.status !== 'active' || !this.#renew) return;
    // The token ends in its time, also while the answer is awaited.
    this.#timer = setTimeout(this.expire, Math.max(0, asked.expiresAt - this.now()));
    try {
      await this.#renew();
    } catch {
      if (this.#state !== asked) return;
      const left = asked.expiresAt - this.now();
      clearTimeout(this.#timer);
      if (left > RETRY_MILLISECONDS) this.#renewIn(RETRY_MILLISECONDS);
      else this.#timer = setTimeout(this.expire, Math.max(0, left));
    }
  };

  #restore(): SessionState {
    const text = this.storage.getItem(KEY);
    if (text === null) return ANONYMOUS;
    const kept = parse(text);
    if (kept === null) return ANONYMOUS;
    if (kept.expiresAt > this.now()) return { status: 'active', ...kept };
    return { status: 'expired', username: kept.username, scopes: kept.scopes };
  }
}

function parse(text: string): Granted | null {
  try {
    const kept: unknown = JSON.parse(text);
    return isGranted(kept) ? kept : null;
  } catch {
    return null;
  }
}

function isGranted(kept: unknown): kept is Granted {
  if (typeof kept !== 'object' || kept === null) return false;
  const { token, username, expiresAt, scopes } = kept as Record<string, unknown>;
  return (
    typeof token === 'string' &&
    typeof username === 'string' &&
    typeof expiresAt === 'number' &&
    Array.isArray(scopes)
  );
}
