/** The ways in which a question to the API fails, as the pages tell them apart. */

/** Codes of a 401 about what was typed in or given as a link. */
const TYPED_IN = new Set(['invalid_credentials', 'reset_invalid']);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null,
    readonly retryAfterSeconds: number | null,
    /** The parts of the request that are refused, like `body`, `username`. */
    readonly places: readonly (readonly string[])[] = [],
    /** The permission that is missing. */
    readonly scope: string | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the API knows no session, rather than a password or a token that was typed in. */
  get isSessionOver(): boolean {
    return this.status === 401 && !TYPED_IN.has(this.code);
  }
}

/** No answer at all: the API is down, or the network is. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('The API does not answer', { cause });
    this.name = 'Unreachable';
  }
}

export const FAILURES = [
  'unreachable',
  'busy',
  'unavailable',
  'counting',
  'forbidden',
  'scope',
  'zone',
  'refused',
  'session',
  'unknown',
] as const;
export type FailureKey = (typeof FAILURES)[number];

/** Which text of `error.*` tells a person what happened. */
export function describe(error: unknown): {
  key: FailureKey;
  requestId: string | null;
  scope?: string;
} {
  if (error instanceof Unreachable) return { key: 'unreachable', requestId: null };
  if (!(error instanceof ApiError)) return { key: 'unknown', requestId: null };
  if (isCounting(error)) return { key: 'counting', requestId: null };
  const { scope, requestId } = error;
  if (error.status === 403 && scope) return { key: 'scope', requestId, scope };
  if (error.places.some((place) => place.at(-1) === 'tz')) return { key: 'zone', requestId };
  return { key: keyOf(error.status), requestId };
}

/** Nothing was published yet: no failure, the first figures come in a moment. */
export function isCounting(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'not_published_yet';
}

function keyOf(status: number): FailureKey {
  if (status === 401) return 'session';
  if (status === 403) return 'forbidden';
  if (status === 422 || status === 400 || status === 404) return 'refused';
  if (status === 429) return 'busy';
  return status === 502 || status === 503 || status === 504 ? 'unavailable' : 'unknown';
}

/** Whether asking again at once may help; a refusal stays a refusal, and counting takes its time. */
export function mayPass(error: unknown): boolean {
  if (isCounting(error)) return false;
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 429;
}
