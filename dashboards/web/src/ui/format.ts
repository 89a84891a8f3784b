/** Numbers, money, durations and moments as people read them, in one language and zone. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

/** Decimals travel as text, so that no cent is lost on the way. */
export type Decimal = string | number;

export const NONE = '–';

export interface Formats {
  count(value: number | null | undefined): string;
  /** 12 345 678 as 12.3M, for axes and narrow places. */
  compact(value: number): string;
  money(value: Decimal | null | undefined): string;
  /** How a column shows amounts: all with the same decimals, so that they stand below each other. */
  moneyColumn(values: readonly (Decimal | null | undefined)[]): Formats['money'];
  /** The labels of an axis: with the same decimals, and only those that they need. */
  moneyTicks(values: readonly number[]): string[];
  /** A part of one, 0.123 as 12.3 %. */
  percent(value: number | null | undefined): string;
  /** The same in a column: always with one decimal, so that they stand below each other. */
  rate(value: number | null | undefined): string;
  /** A relative change with its sign, 0.123 as +12.3 %. */
  change(value: number): string;
  /** A difference of two parts of one, in hundredths with its sign: 0.012 as +1.2. */
  points(value: number): string;
  decimal(value: number | null | undefined): string;
  milliseconds(value: number | null | undefined): string;
  /** How a column shows durations: all in one unit and with the same decimals. */
  durationColumn(values: readonly (number | null | undefined)[]): Formats['milliseconds'];
  /** The two largest units that matter: 42 s, 3 min, 2 h 5 min, 4 d. */
  age(seconds: number): string;
  /** With the year unless it is this one; so are all dates. */
  moment(value: string): string;
  day(value: string): string;
  /** The same with its weekday: Tue, 24 Nov. */
  weekdayAndDay(value: string): string;
  /** From the first moment up to the last, as days: 24 – 30 Nov. */
  days(since: string, until: string): string;
  /** Whether the first moment begins a day in the zone, and the second ends one. */
  isOfDays(since: string, until: string): boolean;
  /** From the first moment to the second, which is not in it: as days, or with its times. */
  span(since: string, until: string): string;
  month(value: string): string;
  time(value: string): string;
  weekday(isoWeekday: number, width?: 'short' | 'long'): string;
}

const DAY = { day: 'numeric', month: 'short' } as const;
const TIME = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
const YEAR = { year: 'numeric' } as const;
const WEEKDAY = { weekday: 'short' } as const;

export function createFormats(
  language: string,
  tz: string | null,
  now: Date = new Date(),
): Formats {
  const zone = tz ? { timeZone: tz } : {};
  const number = new Intl.NumberFormat(language);
  const short = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 });
  const one = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const percents = (minimumFractionDigits: 0 | 1) => {
    const percent = new Intl.NumberFormat(language, {
      style: 'percent',
      minimumFractionDigits,
      maximumFractionDigits: 1,
    });
    return (value: number | null | undefined): string => {
      if (value == null) return NONE;
      // Some is not none, and almost all is not all.
      if (value > 0 && value < 0.0005) return `<${percent.format(0.001)}`;
      if (value < 1 && value >= 0.9995) return `>${percent.format(0.999)}`;
      return percent.format(value);
    };
  };
  const signed = new Intl.NumberFormat(language, {
    style: 'percent',
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const plain = new Intl.NumberFormat(language, {
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const dates = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, options);
  const time = dates({ ...zone, ...TIME });
  const moments = [
    dates({ ...zone, ...DAY, ...TIME }),
    dates({ ...zone, ...DAY, ...YEAR, ...TIME }),
  ];
  const days = [dates({ ...zone, ...DAY }), dates({ ...zone, ...DAY, ...YEAR })];
  // A calendar date without a time has no zone: it must not move to the day before.
  const daysOfDates = [
    dates({ timeZone: 'UTC', ...DAY }),
    dates({ timeZone: 'UTC', ...DAY, ...YEAR }),
  ];
  const weekdays = (zoned: { timeZone?: string }) => [
    dates({ ...zoned, ...WEEKDAY, ...DAY }),
    dates({ ...zoned, ...WEEKDAY, ...DAY, ...YEAR }),
  ];
  const dayKey = new Intl.DateTimeFormat('en', { ...zone, ...DAY, ...YEAR });
  const yearIn = (timeZone: { timeZone?: string }) => {
    const year = new Intl.DateTimeFormat('en', { ...timeZone, ...YEAR });
    return (value: Date | number) => year.format(value);
  };
  const [yearOf, yearOfDate] = [yearIn(zone), yearIn({ timeZone: 'UTC' })];
  const thisYear = yearOf(now);
  const isDate = (value: string) => value.length === 10;
  const isOfThisYear = (value: string) =>
    (isDate(value) ? yearOfDate : yearOf)(new Date(value)) === thisYear;
  /** Of two formats the one with the year, if one of the values needs it. */
  const dated = (formats: readonly Intl.DateTimeFormat[], ...values: readonly string[]) =>
    formats[values.every(isOfThisYear) ? 0 : 1] as Intl.DateTimeFormat;
  const currency = (options: Intl.NumberFormatOptions) =>
    new Intl.NumberFormat(language, {
      style: 'currency',
      currency: 'USD',
      currencyDisplay: 'narrowSymbol',
      ...options,
    });
  const dollars = (value: number, digits: number) =>
    currency({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  const isMidnight = (value: string) => {
    const moment = Date.parse(value);
    // Where midnight is skipped, the day begins at 01:00.
    return dayKey.format(moment) !== dayKey.format(moment - 1);
  };
  const isOfDays = (since: string, until: string) => isMidnight(since) && isMidnight(until);
  const daysBetween = (since: string, until: string) =>
    dated(isDate(since) ? daysOfDates : days, since, until).formatRange(
      new Date(since),
      new Date(until),
    );
  const unit = (value: number, name: string, digits = 0, least = 0) =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      minimumFractionDigits: least,
      maximumFractionDigits: digits,
    }).format(value);
  return {
    count: (value) => (value == null ? NONE : number.format(value)),
    compact: (value) => short.format(value),
    money: (value) => {
      if (value == null) return NONE;
      const amount = Number(value);
      const size = Math.abs(amount);
      if (size === 0 || size >= 0.99995) return dollars(amount, size >= 1000 ? 0 : 2);
      // What was paid is never shown as nothing.
      if (size < 0.000001) return `<${dollars(0.000001, 6)}`;
      if (size < 0.001) return currency({ maximumSignificantDigits: 2 }).format(amount);
      return dollars(amount, 4);
    },
    moneyColumn: (values) => {
      const digits = columnDecimals(values.map((value) => Math.abs(Number(value ?? 0))));
      const least = 10 ** -digits;
      return (value) => {
        if (value == null) return NONE;
        const amount = Number(value);
        // What was paid is never shown as nothing.
        if (amount > 0 && amount < least / 2) return `<${dollars(least, digits)}`;
        return dollars(amount, digits);
      };
    },
    moneyTicks: (values) => {
      const greatest = Math.max(0, ...values.map(Math.abs));
      if (greatest >= 10_000) {
        const compact = currency({
          notation: 'compact',
          minimumFractionDigits: 0,
          maximumFractionDigits: 1,
        });
        return values.map((value) => compact.format(value));
      }
      const digits = Math.max(0, ...values.map(decimalsOf));
      // Cents come in two digits.
      return values.map((value) => dollars(value, digits === 1 ? 2 : digits));
    },
    percent: percents(0),
    rate: percents(1),
    change: (value) => signed.format(value),
    points: (value) => plain.format(value * 100),
    decimal: (value) => (value == null ? NONE : one.format(value)),
    milliseconds: (value) => {
      if (value == null) return NONE;
      return value < 1000 ? unit(value, 'millisecond') : unit(value / 1000, 'second', 1);
    },
    durationColumn: (values) => {
      const some = values.filter((value) => value != null && value > 0) as number[];
      if (some.every((value) => value < 1000)) {
        return (value) => (value == null ? NONE : unit(value, 'millisecond'));
      }
      // Minutes and hours would make the short ones alike: the longest is still told in seconds.
      const digits = some.some((value) => value < 100) ? 2 : 1;
      const least = 10 ** -digits;
      const seconds = (value: number) => unit(value, 'second', digits, digits);
      return (value) => {
        if (value == null) return NONE;
        // What took time is never shown as nothing.
        if (value > 0 && value / 1000 < least / 2) return `<${seconds(least)}`;
        return seconds(value / 1000);
      };
    },
    age: (seconds) => {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return unit(whole, 'second');
      if (whole < 3600) return unit(Math.floor(whole / 60), 'minute');
      if (whole < 86_400) {
        const minutes = Math.floor((whole % 3600) / 60);
        const hours = unit(Math.floor(whole / 3600), 'hour');
        return minutes ? `${hours} ${unit(minutes, 'minute')}` : hours;
      }
      return unit(Math.floor(whole / 86_400), 'day');
    },
    moment: (value) => dated(moments, value).format(new Date(value)),
    day: (value) => dated(isDate(value) ? daysOfDates : days, value).format(new Date(value)),
    weekdayAndDay: (value) =>
      dated(weekdays(isDate(value) ? { timeZone: 'UTC' } : zone), value).format(new Date(value)),
    days: daysBetween,
    isOfDays,
    span: (since, until) =>
      isOfDays(since, until)
        ? daysBetween(since, new Date(Date.parse(until) - 1).toISOString())
        : dated(moments, since, until).formatRange(new Date(since), new Date(until)),
    month: (value) =>
      dates({ ...(isDate(value) ? { timeZone: 'UTC' } : zone), month: 'short', ...YEAR }).format(
        new Date(value),
      ),
    time: (value) => time.format(new Date(value)),
    weekday: (isoWeekday, width = 'short') =>
      // 1 January 2024 was a Monday.
      new Intl.DateTimeFormat(language, { weekday: width, timeZone: 'UTC' }).format(
        Date.UTC(2024, 0, isoWeekday),
      ),
  };
}

/** Cents; the smaller the amounts are, the more decimals, as far as they tell anything. */
function columnDecimals(amounts: readonly number[]): number {
  const greatest = Math.max(0, ...amounts);
  if (greatest >= 10 || amounts.every((amount) => amount === 0 || amount >= 1)) return 2;
  return greatest >= 0.01 ? 4 : 6;
}

/** How many decimals a number needs, at most six. */
function decimalsOf(value: number): number {
  return (String(Number(value.toFixed(6))).split('.')[1] ?? '').length;
}

/** Formats of the chosen language, with moments in the zone of the answer shown. */
export function useFormats(tz: string | null): Formats {
  const { i18n } = useTranslation();
  return useMemo(() => createFormats(i18n.language, tz), [i18n.language, tz]);
}
