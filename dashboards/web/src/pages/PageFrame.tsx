/** The head of every page: its name, the age of its numbers, the period they are about. */

import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { isCounting } from '../api/errors';
import { useServices } from '../app/services';
import { FilterBar } from '../filters/FilterBar';
import { CanPick } from '../filters/Pick';
import { FoldedControls } from '../period/FoldedControls';
import { LinkNotice } from '../period/LinkNotice';
import { PeriodFilter } from '../period/PeriodFilter';
import { useView } from '../period/useView';
import { ViewsButton } from '../saved/ViewsButton';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { FreshnessBadge } from '../ui/FreshnessBadge';
import { useFormats } from '../ui/format';
import { Counting, HasData } from '../ui/states';
import { useHasData } from './useFirstDay';

interface Aged {
  readonly data_through: string;
  readonly report_timezone: string;
  readonly period?: { readonly tz: string; readonly since: string; readonly until: string };
}

interface Props {
  readonly title: string;
  readonly lead?: ReactNode;
  /** The question whose age the badge shows. */
  readonly main: UseQueryResult<Aged>;
  /** Whether the page shows the period before beside the period. */
  readonly compares?: boolean;
  /** Whether the page has a chart whose points can be wider or narrower. */
  readonly hasPoints?: boolean;
  /** What can be chosen on the page; `period`: its numbers are in the zone of the reports. */
  readonly picks?: 'zone' | 'period' | 'nothing';
  readonly children: ReactNode;
}

export function PageFrame({
  title,
  lead,
  main,
  compares = false,
  hasPoints = false,
  picks = 'zone',
  children,
}: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [view, change] = useView();
  const counts = isCounting(main.error) && main.data === undefined;
  const zone = main.data?.report_timezone ?? null;
  const hasData = useHasData();
  useEffect(() => {
    document.title = `${title} · Dialytics`;
  }, [title]);
  return (
    <>
      <header className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          <div className="page-tools">
            <ViewsButton />
            <FreshnessBadge
              dataThrough={main.data?.data_through ?? null}
              tz={main.data?.period?.tz ?? zone}
              now={api.now}
              isCutOff={main.isError && !counts}
            />
          </div>
        </div>
        {main.data?.period && <Printed {...main.data.period} through={main.data.data_through} />}
        {picks !== 'nothing' && (
          <FoldedControls
            view={view}
            zone={picks === 'zone' ? (view.tz ?? zone) : null}
            compares={compares}
          >
            <PeriodFilter
              view={view}
              onChange={change}
              reportZone={zone}
              compares={compares}
              hasPoints={hasPoints}
              hasZone={picks === 'zone'}
            />
            <FilterBar />
          </FoldedControls>
        )}
        <LinkNotice view={view} onDismiss={() => change({})} />
        <ErrorBoundary resetKey={main.data}>{lead}</ErrorBoundary>
      </header>
      <div className="page-body" aria-busy={main.isFetching && main.isPlaceholderData}>
        {main.isPlaceholderData && <span className="visually-hidden">{t('state.loading')}</span>}
        <CanPick value={picks !== 'nothing'}>
          <HasData value={hasData}>{counts ? <Counting height={480} /> : children}</HasData>
        </CanPick>
      </div>
    </>
  );
}

interface PrintedProps {
  readonly since: string;
  readonly until: string;
  readonly tz: string;
  readonly through: string;
}

/** On paper alone: the dates behind a name like "7 days", and the moment behind an age. */
function Printed({ since, until, tz, through }: PrintedProps) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  return (
    <p className="printed note" aria-hidden="true">
      {formats.span(since, until)} ({tz}) ·{' '}
      {t('freshness.through', { moment: formats.moment(through) })}
    </p>
  );
}
