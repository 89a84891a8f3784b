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
  /** Without digits that say nothing, for axes. */
  moneyTick(value: number): string;
  /** A part of one, 0.123 as 12.3 %. */
  percent(value: number | null | undefined): string;
  /** A relative change with its sign, 0.123 as +12.3 %. */
  change(value: number): string;
  /** A difference of two parts of one, in hundredths with its sign: 0.012 as +1.2. */
  points(value: number): string;
  decimal(value: number | null | undefined): string;
  milliseconds(value: number | null | undefined): string;
  /** The two largest units that matter: 42 s, 3 min, 2 h 5 min, 4 d. */
  age(seconds: number): string;
  moment(value: string): string;
  day(value: string): string;
  time(value: string): string;
  weekday(isoWeekday: number, width?: 'short' | 'long'): string;
}

export function createFormats(language: string, tz: string | null): Formats {
  const zone = tz ? { timeZone: tz } : {};
  const number = new Intl.NumberFormat(language);
  const axisMoney = new Intl.NumberFormat(language, {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: 2,
    maximumFractionDigits: 4,
  });
  const short = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 });
  const one = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
  const signed = new Intl.NumberFormat(language, {
    style: 'percent',
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const plain = new Intl.NumberFormat(language, {
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const moment = new Intl.DateTimeFormat(language, {
    ...zone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const day = new Intl.DateTimeFormat(language, { ...zone, day: 'numeric', month: 'short' });
  const time = new Intl.DateTimeFormat(language, {
    ...zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const dollars = (value: number, digits: number) =>
    new Intl.NumberFormat(language, {
      style: 'currency',
      currency: 'USD',
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
  const unit = (value: number, name: string, digits = 0) =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      maximumFractionDigits: digits,
    }).format(value);
  // A calendar date without a time has no zone: it must not move to the day before.
  const dayOfDate = new Intl.DateTimeFormat(language, {
    timeZone: 'UTC',
    day: 'numeric',
    month: 'short',
  });
  return {
    count: (value) => (value == null ? NONE : number.format(value)),
    compact: (value) => short.format(value),
    money: (value) => {
      if (value == null) return NONE;
      const amount = Number(value);
      if (amount !== 0 && Math.abs(amount) < 1) return dollars(amount, 4);
      return dollars(amount, Math.abs(amount) >= 1000 ? 0 : 2);
    },
    moneyTick: (value) => axisMoney.format(value),
    percent: (value) => (value == null ? NONE : percent.format(value)),
    change: (value) => signed.format(value),
    points: (value) => plain.format(value * 100),
    decimal: (value) => (value == null ? NONE : one.format(value)),
    milliseconds: (value) => {
      if (value == null) return NONE;
      return value < 1000 ? unit(value, 'millisecond') : unit(value / 1000, 'second', 1);
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
    moment: (value) => moment.format(new Date(value)),
    day: (value) => (value.length === 10 ? dayOfDate : day).format(new Date(value)),
    time: (value) => time.format(new Date(value)),
    weekday: (isoWeekday, width = 'short') =>
      // 1 January 2024 was a Monday.
      new Intl.DateTimeFormat(language, { weekday: width, timeZone: 'UTC' }).format(
        Date.UTC(2024, 0, isoWeekday),
      ),
  };
}

/** Formats of the chosen language, with moments in the zone of the answer shown. */
export function useFormats(tz: string | null): Formats {
  const { i18n } = useTranslation();
  return useMemo(() => createFormats(i18n.language, tz), [i18n.language, tz]);
}
