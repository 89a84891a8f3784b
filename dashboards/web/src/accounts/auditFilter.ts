/** Which events of the audit trail are shown, as the address of the page states it. */

export const KINDS = [
  'login',
  'login_failed',
  'registered',
  'registration_failed',
  'scopes_changed',
  'account_disabled',
  'account_enabled',
  'password_changed',
  'reset_created',
  'reset_used',
  'reset_failed',
  'key_created',
  'key_revoked',
  'invitation_created',
  'invitation_revoked',
  'invitation_used',
  'session_ended',
  'export',
  'texts_read',
  'names_read',
  'settings_changed',
  'version_changed',
  'person_banned',
  'person_paused',
  'person_allowed',
  'limits_changed',
  'models_changed',
  'rule_removed',
  'alert_created',
  'alert_changed',
  'alert_muted',
  'alert_removed',
  'view_shared',
  'view_removed',
  'alert',
  'alert_acknowledged',
] as const;
export type Kind = (typeof KINDS)[number];

export interface AuditFilter {
  readonly who: string;
  /** Any of these; empty: all. */
  readonly what: readonly Kind[];
  /** Digits of a person's number. */
  readonly user_key: string;
  /** Days of this machine's zone, both included; '' for none. */
  readonly from: string;
  readonly to: string;
}

const USER_KEY = /^#?([1-9]\d{0,8})$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A kind that has a name here; newer ones are shown by their code. */
export function kindOf(code: string | null): Kind | null {
  return KINDS.find((kind) => kind === code) ?? null;
}

export function kindsOf(codes: readonly string[]): readonly Kind[] {
  return KINDS.filter((kind) => codes.includes(kind));
}

/** The digits of a person's number, written as 42 or #42; '' for anything else. */
export function userKeyOf(text: string): string {
  return USER_KEY.exec(text.trim())?.[1] ?? '';
}

export function readFilter(search: string): AuditFilter {
  const found = new URLSearchParams(search);
  const day = (name: string) => {
    const value = found.get(name) ?? '';
    return DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : '';
  };
  return {
    who: (found.get('who') ?? '').slice(0, 256),
    what: kindsOf(found.getAll('what')),
    user_key: userKeyOf(found.get('user_key') ?? ''),
    from: day('from'),
    to: day('to'),
  };
}

export function writeFilter(filter: AuditFilter): string {
  const search = asSearch(filter);
  return search ? `?${search}` : '';
}

/** As a query string: a list as repeated arguments, nothing for what is empty. */
export function asSearch(given: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value].flat()) if (one !== '') search.append(name, String(one));
  }
  return search.toString();
}

/** The arguments of the API: moments, the end excluded. */
export function asArguments({ who, what, user_key, from, to }: AuditFilter) {
  return {
    ...(who ? { who } : {}),
    ...(what.length > 0 ? { what: [...what] } : {}),
    ...(user_key ? { user_key: Number(user_key) } : {}),
    ...(from ? { since: startOf(from).toISOString() } : {}),
    ...(to ? { until: startOf(to, 1).toISOString() } : {}),
  };
}

function startOf(day: string, later = 0): Date {
  const start = new Date(`${day}T00:00`);
  start.setDate(start.getDate() + later);
  return start;
}
