/** The questions that the dashboard asks. Typed by the API's own OpenAPI document. */

import createClient, { type Client } from 'openapi-fetch';
import type { Account, Session } from '../session/session';
import { ApiError } from './errors';
import type { paths } from './schema';
import { Transport } from './transport';
import type {
  BadAnswerList,
  DialogFailures,
  DialogText,
  ReportAnswer,
  ReportPath,
  ReportQuery,
  TextPlace,
} from './types';

interface Options {
  readonly fetch: typeof globalThis.fetch;
  readonly session: Session;
  readonly origin: string;
  /** Reaches the other tabs of this browser. */
  readonly tabs: Tabs;
}

export type Tabs = Pick<BroadcastChannel, 'postMessage' | 'addEventListener'>;
type TabMessage = 'signed-in' | 'signed-out';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface Registration extends Credentials {
  readonly adminToken: string;
  readonly invitation?: string;
}

export class Api {
  readonly #client: Client<paths>;
  readonly #session: Session;
  readonly #transport: Transport;
  readonly #tabs: Tabs;
  #resuming: Promise<void> | null = null;

  constructor({ fetch, session, origin, tabs }: Options) {
    this.#session = session;
    this.#transport = new Transport({ fetch, session });
    this.#client = createClient<paths>({ baseUrl: origin, fetch: this.#transport.send });
    this.#tabs = tabs;
    tabs.addEventListener('message', ({ data }) => {
      if (data === 'signed-out') this.#leave();
      // Without an answer the next question tells.
      else this.resume().catch(() => undefined);
    });
  }

  /** For routes that one page alone asks; every answer of it is a success. */
  get client(): Client<paths> {
    return this.#client;
  }

  /** The API's clock, milliseconds since 1970. */
  get now(): () => number {
    return this.#transport.now;
  }

  /** Asks who is signed in in this browser. */
  readonly resume = (): Promise<void> => {
    this.#resuming ??= this.#resume().finally(() => {
      this.#resuming = null;
    });
    return this.#resuming;
  };

  async #resume(): Promise<void> {
    const account = await this.#currentAccount();
    if (account) this.#session.begin(account);
    else this.#session.expire();
  }

  async #currentAccount(): Promise<Account | null> {
    try {
      const { data } = await this.#client.GET('/api/v1/auth/session', {
        fetch: this.#transport.sendAnyway,
      });
      const { account } = present(data);
      if (!account || account.session_id === null) return null;
      const { username, scopes, session_id: sessionId } = account;
      return { username, scopes, sessionId };
    } catch (error) {
      // The cookie of a session that has ended.
      if (error instanceof ApiError && error.isSessionOver) return null;
      throw error;
    }
  }

  /**
   * Gives the API the password once. It answers with a cookie for all tabs.
   * @throws ApiError with status 401 when they do not match, `no_cookie` when none was kept.
   */
  async signIn({ username, password }: Credentials): Promise<void> {
    this.#transport.forget();
    await this.#client.POST('/api/v1/auth/session', { body: { username, password } });
    const account = await this.#currentAccount();
    if (!account) throw new ApiError(401, 'no_cookie', 'The browser kept no cookie', null, null);
    this.#session.begin(account);
    this.#tell('signed-in');
  }

  /** Makes an account, with the code of an invitation if there is one. */
  async register(registration: Registration): Promise<void> {
    const { username, password, adminToken, invitation } = registration;
    const permission = invitation ? { invitation } : { admin_token: adminToken };
    await this.#client.POST('/api/v1/auth/register', {
      body: { username, password, ...permission },
    });
  }

  /**
   * Sets a new password with the token of a link, once.
   * @throws ApiError with the code `reset_invalid` or `weak_password`.
   */
  async resetPassword(token: string, password: string): Promise<void> {
    await this.#client.POST('/api/v1/auth/reset', { body: { token, new_password: password } });
    await this.resume();
  }

  /**
   * Changes the own password. All sessions end; this browser gets a new one.
   * @throws ApiError with the code `invalid_credentials` or `weak_password`.
   */
  async changePassword(username: string, current: string, next: string): Promise<void> {
    await this.#client.POST('/api/v1/auth/password', {
      body: { current_password: current, new_password: next },
    });
    await this.signIn({ username, password: next });
  }

  /** Ends the session of this browser; an error means that it goes on. */
  async signOut(): Promise<void> {
    const { state } = this.#session;
    if (state.status === 'active') {
      await this.#endSession(() =>
        this.#client.POST('/api/v1/auth/sessions/{session_id}/end', {
          params: { path: { session_id: state.sessionId } },
        }),
      );
    }
    this.#leave();
    this.#tell('signed-out');
  }

  /** Ends all sessions of the account, in every browser. */
  async signOutEverywhere(): Promise<void> {
    await this.#endSession(() => this.#client.POST('/api/v1/auth/sessions/end'));
    this.#leave();
    this.#tell('signed-out');
  }

  /** What has ended already needs no end. */
  async #endSession(end: () => Promise<unknown>): Promise<void> {
    try {
      await end();
    } catch (error) {
      if (!(error instanceof ApiError && (error.isSessionOver || error.status === 404))) {
        throw error;
      }
    }
  }

  #leave(): void {
    this.#transport.forget();
    this.#session.end();
  }

  #tell(message: TabMessage): void {
    this.#tabs.postMessage(message);
  }

  async report<P extends ReportPath>(
    path: P,
    query: ReportQuery<P>,
    signal?: AbortSignal,
  ): Promise<ReportAnswer<P>> {
    // The client's own signature needs a literal path; the types of this method stand for it.
    const get = this.#client.GET as unknown as (
      path: string,
      options: object,
    ) => Promise<{ data?: unknown }>;
    const { data } = await get(path, { params: { query }, signal });
    return present(data) as ReportAnswer<P>;
  }

  /** The texts of a dialog at a place. The API records who read them. */
  async dialogText(dialogId: string, place: TextPlace): Promise<DialogText> {
    const { data } = await this.#client.GET('/api/v1/dialogs/{dialog_id}/text', {
      params: { path: { dialog_id: dialogId }, query: place },
    });
    return present(data);
  }

  /** The failed calls of a dialog, with the provider's words. The API records who read them. */
  async dialogFailures(dialogId: string): Promise<DialogFailures> {
    const { data } = await this.#client.GET('/api/v1/dialogs/{dialog_id}/failures', {
      params: { path: { dialog_id: dialogId } },
    });
    return present(data);
  }

  /** The answers that people rated as bad. The API records who read them. */
  async badAnswers(after: string | null): Promise<BadAnswerList> {
    const { data } = await this.#client.GET('/api/v1/dialogs/rated-badly', {
      params: { query: after ? { after } : {} },
    });
    return present(data);
  }
}

/** The transport lets only successes through, and every success has a body. */
export function present<T>(data: T | undefined): T {
  if (data === undefined) throw new Error('The API answered without a body');
  return data;
}
