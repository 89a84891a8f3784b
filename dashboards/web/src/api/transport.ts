/**
 * The one way to the API: remembers answers by ETag, turns failures into errors. The browser adds
 * the session's cookie.
 * An answer that is remembered gets its age from the headers of the 304: its body knows an older one.
 * Knows no route.
 */

import type { Session } from '../session/session';
import { ApiError, Unreachable } from './errors';

interface Remembered {
  readonly etag: string;
  readonly body: string;
}

interface Options {
  readonly fetch: typeof globalThis.fetch;
  readonly session: Session;
  /** How many answers are remembered; the longest unused one leaves first. */
  readonly capacity?: number;
}

export class Transport {
  readonly #fetch: typeof globalThis.fetch;
  readonly #session: Session;
  readonly #capacity: number;
  readonly #remembered = new Map<string, Remembered>();
  #aheadMilliseconds = 0;

  constructor({ fetch, session, capacity = 60 }: Options) {
    this.#fetch = fetch;
    this.#session = session;
    this.#capacity = capacity;
  }

  /** The API's clock, so that ages do not depend on this machine's. */
  readonly now = (): number => Date.now() + this.#aheadMilliseconds;

  /** Forget every answer: they belong to the account that asked. */
  readonly forget = (): void => this.#remembered.clear();

  /**
   * A `fetch` whose answer is always a success; a 304 is the answer remembered. Nothing is asked
   * again and again for a session that has ended.
   */
  readonly send = async (request: Request): Promise<Response> => {
    if (request.method === 'GET' && this.#session.state.status === 'expired') throw signedOut();
    return this.sendAnyway(request);
  };

  /** The same, also when the session has ended. */
  readonly sendAnyway = async (request: Request): Promise<Response> => {
    const { state } = this.#session;
    const key = request.method === 'GET' ? request.url : null;
    const known = key ? this.#remembered.get(key) : undefined;
    // Without it a browser opens a password dialog of its own when there is no session.
    request.headers.set('X-Requested-With', 'XMLHttpRequest');
    if (known) request.headers.set('If-None-Match', known.etag);
    const response = await this.#reach(request);
    this.#readClock(response);
    if (response.status === 304 && key && known) {
      this.#remember(key, known);
      return answer(withAge(known.body, response.headers));
    }
    if (!response.ok) {
      const error = await failure(response);
      // A wrong password that is typed in does not end the session, nor does an older question.
      if (error.isSessionOver && state === this.#session.state) this.#session.expire();
      throw error;
    }
    const etag = response.headers.get('ETag');
    if (!key || !etag) return response;
    const body = await response.text();
    this.#remember(key, { etag, body });
    return answer(body);
  };

  async #reach(request: Request): Promise<Response> {
    try {
      return await this.#fetch(request);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new Unreachable(error);
    }
  }

  #readClock(response: Response): void {
    const date = Date.parse(response.headers.get('Date') ?? '');
    if (!Number.isNaN(date)) this.#aheadMilliseconds = date - Date.now();
  }

  #remember(key: string, entry: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, entry);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > this.#capacity && oldest) this.#remembered.delete(oldest);
  }
}

/** The fields of an answer that tell its age, and the headers of a 304 that state them. */
const AGE_HEADERS = {
  data_through: 'X-Data-Through',
  newest_through: 'X-Newest-Through',
  snapshot: 'X-Snapshot',
  lag_seconds: 'X-Lag-Seconds',
} as const;

function withAge(body: string, headers: Headers): string {
  const known: Record<string, unknown> = JSON.parse(body);
  for (const [field, header] of Object.entries(AGE_HEADERS)) {
    if (!(field in known)) continue;
    const stated = headers.get(header);
    known[field] = field === 'lag_seconds' && stated !== null ? Number(stated) : stated;
  }
  return JSON.stringify(known);
}

function answer(body: string): Response {
  return new Response(body, { status: 200, headers: { 'Content-Type': 'application/json' } });
}

function signedOut(): ApiError {
  return new ApiError(401, 'not_authenticated', 'There is no session', null, null);
}

async function failure(response: Response): Promise<ApiError> {
  const problem: unknown = await response.json().catch(() => null);
  const { code, message, request_id, details } = (problem ?? {}) as Record<string, unknown>;
  const wait = Number(response.headers.get('Retry-After'));
  return new ApiError(
    response.status,
    typeof code === 'string' ? code : 'unknown',
    typeof message === 'string' ? message : response.statusText,
    typeof request_id === 'string' ? request_id : null,
    Number.isFinite(wait) && wait > 0 ? wait : null,
    Array.isArray(details) ? details.flatMap(placeOf) : [],
    Array.isArray(details) ? scopeOf(details[0]) : null,
  );
}

function placeOf(detail: unknown): string[][] {
  const { where } = (detail ?? {}) as { where?: unknown };
  return Array.isArray(where) ? [where.map(String)] : [];
}

function scopeOf(detail: unknown): string | null {
  const { scope } = (detail ?? {}) as { scope?: unknown };
  return typeof scope === 'string' ? scope : null;
}
