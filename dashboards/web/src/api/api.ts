/** The questions that the dashboard asks. Typed by the API's own OpenAPI document. */

import createClient, { type Client } from 'openapi-fetch';
import type { Session } from '../session/session';
import type { components, paths } from './schema';
import { Transport } from './transport';
import type { DialogText, ReportAnswer, ReportPath, ReportQuery } from './types';

interface Options {
  readonly fetch: typeof globalThis.fetch;
  readonly session: Session;
  readonly origin: string;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export class Api {
  readonly #client: Client<paths>;
  readonly #session: Session;
  readonly #transport: Transport;

  constructor({ fetch, session, origin }: Options) {
    this.#session = session;
    this.#transport = new Transport({ fetch, session });
    this.#client = createClient<paths>({ baseUrl: origin, fetch: this.#transport.send });
    session.keepAlive(() => this.#renew());
  }

  /** The API's clock, milliseconds since 1970. */
  get now(): () => number {
    return this.#transport.now;
  }

  /**
   * Exchanges a password for a token, and forgets the password.
   * @throws ApiError with status 401 when they do not match.
   */
  async signIn({ username, password }: Credentials): Promise<void> {
    this.#transport.forget();
    const { data } = await this.#client.POST('/api/v1/auth/token', {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: { grant_type: 'password', username, password, scope: '', client_id: 'dashboard' },
      bodySerializer: (body) => new URLSearchParams(body as unknown as Record<string, string>),
    });
    this.#begin(username, present(data));
  }

  /** Exchanges the token for a new one. Who signed out meanwhile stays out. */
  async #renew(): Promise<void> {
    const { state } = this.#session;
    if (state.status !== 'active') return;
    const { data } = await this.#client.POST('/api/v1/auth/renew');
    if (this.#session.token === state.token) this.#begin(state.username, present(data));
  }

  #begin(username: string, granted: components['schemas']['TokenAnswer']): void {
    this.#session.begin({
      token: granted.access_token,
      username,
      scopes: granted.scope.split(' ').filter(Boolean),
      expiresAt: Date.now() + granted.expires_in * 1000,
    });
  }

  async register(registration: Credentials & { readonly adminToken: string }): Promise<void> {
    const { username, password, adminToken } = registration;
    await this.#client.POST('/api/v1/auth/register', {
      body: { username, password, admin_token: adminToken },
    });
  }

  signOut(): void {
    this.#transport.forget();
    this.#session.end();
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

  /** The texts of a dialog. The API records who read them. */
  async dialogText(dialogId: string, after: string | null): Promise<DialogText> {
    const { data } = await this.#client.GET('/api/v1/dialogs/{dialog_id}/text', {
      params: { path: { dialog_id: dialogId }, query: after ? { after } : {} },
    });
    return present(data);
  }
}

/** The transport lets only successes through, and every success has a body. */
function present<T>(data: T | undefined): T {
  if (data === undefined) throw new Error('The API answered without a body');
  return data;
}
