/** For administrators: who did what, when and from where; narrowed by the address, saved as CSV. */

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useSearch } from 'wouter';
import { present } from '../api/api';
import { useServices } from '../app/services';
import { useLinks } from '../filters/useFilters';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Failure, Skeleton } from '../ui/states';
import { AuditFilters } from './AuditFilters';
import { asArguments, asSearch, kindOf, readFilter, writeFilter } from './auditFilter';
import { PlainPage } from './PlainPage';
import { type AuditEvent, type AuditPageAnswer, useAsked } from './questions';

const CODE = /^[a-z_]+$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

export default function AuditPage() {
  const { t } = useTranslation();
  const { api } = useServices();
  const [path, navigate] = useLocation();
  const search = useSearch();
  const filter = readFilter(search);
  const asked = asArguments(filter);
  const events = useInfiniteQuery({
    queryKey: ['audit', asked],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...asked, ...(pageParam === null ? {} : { before: pageParam }) };
      const { data } = await api.client.GET('/api/v1/admin/audit', { params: { query }, signal });
      // The route has CSV too, which is text.
      return present(data) as AuditPageAnswer;
    },
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next_before,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const csv = asSearch({ ...asked, format: 'csv' });
  return (
    <PlainPage title={t('nav.audit')}>
      <Card
        title={t('audit.events')}
        note={t('audit.note')}
        actions={
          <a className="button quiet" href={`/api/v1/admin/audit?${csv}`} download>
            <Icon name="download" />
            {t('audit.csv')}
          </a>
        }
      >
        <AuditFilters
          key={search}
          filter={filter}
          onApply={(next) => navigate(`${path}${writeFilter(next)}`)}
        />
        {events.isPending && <Skeleton height={360} />}
        {events.isError && (
          <Failure error={events.error} onRetry={() => events.refetch()} height={360} />
        )}
        {events.data && !events.isError && (
          <div className={events.isPlaceholderData ? 'stale' : undefined}>
            <EventTable events={events.data.pages.flatMap((page) => page.events)} />
          </div>
        )}
        {events.hasNextPage && (
          <button type="button" className="button more" onClick={() => events.fetchNextPage()}>
            {t('state.more')}
          </button>
        )}
      </Card>
    </PlainPage>
  );
}

function EventTable({ events }: { readonly events: readonly AuditEvent[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const describe = useDetails();
  if (events.length === 0) return <p className="placeholder">{t('audit.none')}</p>;
  const columns: Column<AuditEvent>[] = [
    {
      key: 'occurred_at',
      title: t('audit.when'),
      value: (event) => event.occurred_at,
      show: (event) => <span className="moment">{formats.moment(event.occurred_at)}</span>,
      isHeader: true,
    },
    {
      key: 'actor',
      title: t('audit.who'),
      value: (event) => event.actor,
      show: (event) => <Clipped text={event.actor || NONE} />,
    },
    {
      key: 'kind',
      title: t('audit.what'),
      value: (event) => event.kind,
      show: (event) => {
        const kind = kindOf(event.kind);
        return (
          <>
            {kind ? t(`audit.kind.${kind}`) : event.kind}
            {event.occurrences > 1 && ` × ${formats.count(event.occurrences)}`}
          </>
        );
      },
    },
    {
      key: 'details',
      title: t('audit.details'),
      value: (event) =>
        describe(event)
          .map(({ name, words }) => `${name}: ${words}`)
          .join(' · '),
      show: (event) => <Details details={describe(event)} />,
    },
    {
      key: 'address',
      title: t('column.address'),
      value: (event) => event.address ?? NONE,
      isMinor: true,
    },
  ];
  return (
    <DataTable
      caption={t('nav.audit')}
      columns={columns}
      rows={events}
      keyOf={(event) => String(event.id)}
    />
  );
}

/** The database keeps no order: what it is about comes first, what was before comes before. */
const FIRST = ['by_user_key', 'account_id', 'rule', 'subject', 'user_key', 'report', 'before'];

function placeOf(detail: string): number {
  const place = FIRST.indexOf(detail);
  return place === -1 ? FIRST.length : place;
}

interface Detail {
  readonly name: string;
  readonly words: string;
  readonly people: readonly number[];
}

function Details({ details }: { readonly details: readonly Detail[] }) {
  const links = useLinks();
  return (
    <span className="details">
      {details.length === 0 && NONE}
      {details.map(({ name, words, people }, place) => (
        <Fragment key={name}>
          {place > 0 && ' · '}
          {name}:{' '}
          {people.length === 0
            ? words
            : people.map((key, index) => (
                <Fragment key={key}>
                  {index > 0 && ', '}
                  <Link href={links.person(key)}>#{key}</Link>
                </Fragment>
              ))}
        </Fragment>
      ))}
    </span>
  );
}

const PEOPLE = ['user_key', 'by_user_key', 'user_keys'];

/** The people that a detail states, by their numbers. */
function peopleOf(key: string, value: unknown): number[] {
  return PEOPLE.includes(key) ? [value].flat().map(Number) : [];
}

/** The details of an event in words: names for accounts, no JSON. */
function useDetails(): (event: AuditEvent) => Detail[] {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const accounts = useAsked('/api/v1/admin/accounts').data?.accounts ?? [];
  const nameOf = (id: unknown) =>
    accounts.find((account) => account.id === id)?.username ?? `#${String(id)}`;
  const inWords = (key: string, value: unknown): string => {
    if (key === 'account_id') return nameOf(value);
    const people = peopleOf(key, value);
    if (people.length > 0) return people.map((id) => `#${id}`).join(', ');
    if (Array.isArray(value)) return value.join(', ') || t('audit.nothing');
    if (typeof value === 'boolean') return value ? t('audit.yes') : t('audit.no');
    const text = String(value);
    if (MOMENT.test(text)) return formats.moment(text);
    if (!CODE.test(text)) return text;
    return t(`audit.value.${text}` as 'audit.details', { defaultValue: text.replaceAll('_', ' ') });
  };
  return ({ details }) =>
    Object.entries(details)
      .filter(([, value]) => value !== null)
      .sort(([one], [other]) => placeOf(one) - placeOf(other))
      .map(([key, value]) => {
        const name = t(`audit.detail.${key}` as 'audit.details', {
          defaultValue: key.replaceAll('_', ' '),
        });
        return { name, words: inWords(key, value), people: peopleOf(key, value) };
      });
}
