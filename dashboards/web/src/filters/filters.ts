/** What the turns of a view are narrowed to. Kept in the address: `f=is_not,status,answered,failed`. */

export const DIMENSIONS = [
  'bot',
  'chat_type',
  'language',
  'model',
  'model_asked',
  'source',
  'person',
  'status',
  'cause',
  'fallback_cause',
  'dialog',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export type Operator = 'is' | 'is_not';

export interface Filter {
  readonly operator: Operator;
  readonly dimension: Dimension;
  readonly values: readonly string[];
}

export const STATUSES = ['answered', 'failed', 'cancelled', 'rejected'] as const;
export const CHAT_TYPES = ['private', 'group', 'supergroup', 'channel'] as const;

const NUMBERED: readonly string[] = ['bot', 'person'] satisfies Dimension[];
const MAX_VALUES = 100;
const MAX_FILTERS = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The identifier of a dialog or a turn. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export function is(dimension: Dimension, ...values: string[]): Filter {
  return { operator: 'is', dimension, values };
}

/** One filter of an address; null when it is not one. */
export function readFilter(text: string): Filter | null {
  const [operator, name, ...encoded] = text.split(',');
  const dimension = DIMENSIONS.find((one) => one === name);
  if ((operator !== 'is' && operator !== 'is_not') || !dimension) return null;
  if (encoded.length === 0 || encoded.length > MAX_VALUES) return null;
  const values = encoded.map(decode);
  const known = values.filter((value): value is string => isValue(dimension, value));
  return known.length === values.length ? { operator, dimension, values: known } : null;
}

export function writeFilter({ operator, dimension, values }: Filter): string {
  return [operator, dimension, ...values.map(encode)].join(',');
}

export function readFilters(search: URLSearchParams): readonly Filter[] {
  const found = search.getAll('f').map(readFilter);
  return found.filter((filter) => filter !== null).slice(0, MAX_FILTERS);
}

/** The filters of an address that are none. */
export function wrongFilters(search: URLSearchParams): readonly string[] {
  return search.getAll('f').filter((text) => readFilter(text) === null);
}

/** As the API asks for them. */
export function filterQuery(filters: readonly Filter[]): { filters?: string } {
  if (filters.length === 0) return {};
  const asked = filters.map(({ operator, dimension, values }) => [
    operator,
    dimension,
    NUMBERED.includes(dimension) ? values.map(Number) : values,
  ]);
  return { filters: JSON.stringify(asked) };
}

/** The filters with one more; it takes the place of an `is` about the same dimension. */
export function withFilter(filters: readonly Filter[], added: Filter): readonly Filter[] {
  const isReplaced = (one: Filter) =>
    one.dimension === added.dimension && (added.operator === 'is' || one.operator === 'is');
  return [...filters.filter((one) => !isReplaced(one)), added];
}

export function withFilters(filters: readonly Filter[], added: readonly Filter[]) {
  return added.reduce(withFilter, filters);
}

function isValue(dimension: Dimension, value: string | null): value is string {
  if (value === null || value.length > 200) return false;
  if (NUMBERED.includes(dimension)) return /^\d{1,15}$/.test(value);
  return dimension !== 'dialog' || isUuid(value);
}

// A comma is between values. The router unescapes an address once too often: no per cent in it.
const ESCAPES = { '\\': '\\\\', ',': '\\c', '%': '\\p' } as const;

function encode(value: string): string {
  return value.replace(/[\\,%]/g, (letter) => ESCAPES[letter as keyof typeof ESCAPES]);
}

function decode(text: string): string | null {
  if (!/^(?:[^\\]|\\[cp\\])*$/.test(text)) return null;
  return text.replace(/\\[cp\\]/g, (found) => ({ '\\c': ',', '\\p': '%' })[found] ?? '\\');
}
