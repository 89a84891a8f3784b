/** A value in a table that narrows the page to itself; a count that opens its turns. */

import { createContext, type ReactNode, useContext } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { Clipped } from '../ui/Clipped';
import { type Dimension, type Filter, is } from './filters';
import { useFilterNames } from './useFilterNames';
import { useFilters, useLinks } from './useFilters';

/** Whether the page has filters to set. */
export const CanPick = createContext(true);

interface PickProps {
  readonly dimension: Dimension;
  readonly value: string;
  readonly children: ReactNode;
}

export function Pick({ dimension, value, children }: PickProps) {
  const { t } = useTranslation();
  const names = useFilterNames();
  const { add } = useFilters();
  const canPick = useContext(CanPick);
  if (!canPick) return typeof children === 'string' ? <Clipped text={children} /> : children;
  const filter = is(dimension, value);
  const label = t('filter.only', { filter: names.filter(filter) });
  if (typeof children === 'string') {
    const run = () => add(filter);
    return <Clipped text={children} className="pick" action={{ label, run }} />;
  }
  return (
    <button
      type="button"
      className="pick"
      aria-label={label}
      title={label}
      onClick={() => add(filter)}
    >
      {children}
    </button>
  );
}

interface TurnsProps {
  readonly count: number;
  readonly filters: readonly Filter[];
  /** The turns of these days alone, whatever the page shows: moments, both included. */
  readonly period?: { readonly from: string; readonly to: string; readonly tz: string };
  readonly children: ReactNode;
}

/** The count as a link to exactly these turns; none has no list. */
export function TurnsLink({ count, filters, period, children }: TurnsProps) {
  const { t } = useTranslation();
  const links = useLinks();
  if (count === 0) return children;
  const href = period ? links.turnsOfDays(filters, period) : links.turns(...filters);
  return (
    <Link className="count-link" href={href} title={t('turns.open')}>
      {children}
    </Link>
  );
}
