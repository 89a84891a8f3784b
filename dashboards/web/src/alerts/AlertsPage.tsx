/** Alerts: the list, a form for a new one, and the history of what fired. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PlainPage } from '../accounts/PlainPage';
import { useAsked, useChange } from '../accounts/questions';
import { present } from '../api/api';
import { useScope, useServices } from '../app/services';
import { useFilters } from '../filters/useFilters';
import { useCarriedView } from '../period/keptView';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { MoreButton } from '../ui/MoreButton';
import { Failure, Skeleton } from '../ui/states';
import { AlertForm } from './AlertForm';
import { type AlertEvent, type AlertView, barFilters, useAlertWords } from './alerts';
import './alerts.css';

const DAY_MILLISECONDS = 86_400_000;

export default function AlertsPage() {
  const { t } = useTranslation();
  const isAdmin = useScope('admin');
  const alerts = useAsked('/api/v1/alerts');
  /** The alert that is changed, `new`, or null: the form is closed. */
  const [edited, setEdited] = useState<AlertView | 'new' | null>(null);
  const { replace } = useFilters();
  const carried = useCarriedView();
  const open = (alert: AlertView | 'new' | null) => {
    // The form takes the filters from the bar; without it they are those of the other pages.
    if (alert !== 'new') replace((alert && barFilters(alert.filters)) ?? carried.filters);
    setEdited(alert);
  };
  return (
    <PlainPage title={t('nav.alerts')}>
      {edited && (
        <AlertForm
          key={edited === 'new' ? 'new' : edited.id}
          {...(edited === 'new' ? {} : { alert: edited })}
          onMade={() => open(null)}
          onCancel={() => open(null)}
        />
      )}
      <Card
        title={t('alerts.all')}
        note={isAdmin ? undefined : t('alerts.readOnly')}
        actions={
          isAdmin &&
          !edited && (
            <button type="button" className="button" onClick={() => open('new')}>
              {t('alerts.make')}
            </button>
          )
        }
      >
        <Loaded query={alerts} height={160}>
          {(answer) => <AlertTable alerts={answer.alerts} onEdit={open} />}
        </Loaded>
      </Card>
      <History />
    </PlainPage>
  );
}

interface AlertTableProps {
  readonly alerts: readonly AlertView[];
  readonly onEdit: (alert: AlertView) => void;
}

function AlertTable({ alerts, onEdit }: AlertTableProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const isAdmin = useScope('admin');
  const formats = useFormats(null);
  const words = useAlertWords();
  const mute = useChange(({ id, until }: { id: number; until: string | null }) =>
    api.client.PUT('/api/v1/alerts/{alert_id}/mute', {
      params: { path: { alert_id: id } },
      body: { until },
    }),
  );
  const remove = useChange((id: number) =>
    api.client.DELETE('/api/v1/alerts/{alert_id}', { params: { path: { alert_id: id } } }),
  );
  if (alerts.length === 0) return <p className="placeholder">{t('alerts.none')}</p>;
  const isMuted = (row: AlertView) =>
    row.muted_until !== null && Date.parse(row.muted_until) > api.now();
  const columns: Column<AlertView>[] = [
    {
      key: 'name',
      title: t('alerts.name'),
      value: (row) => row.name,
      show: (row) => <Clipped text={row.name} />,
      isHeader: true,
    },
    { key: 'terms', title: t('alerts.when'), value: (row) => words.terms(row) },
    {
      key: 'fired',
      title: t('alerts.lastFired'),
      value: (row) => row.last_fired_at,
      show: (row) => (row.last_fired_at ? formats.moment(row.last_fired_at) : t('alerts.never')),
    },
    {
      key: 'state',
      title: t('column.state'),
      value: (row) => row.muted_until,
      show: (row) => (
        <span className={`status ${isMuted(row) ? 'cancelled' : 'answered'}`}>
          {isMuted(row)
            ? t('alerts.mutedUntil', { moment: formats.moment(row.muted_until ?? '') })
            : t('alerts.active')}
        </span>
      ),
    },
  ];
  if (isAdmin) {
    columns.push({
      key: 'action',
      title: t('column.action'),
      value: () => null,
      show: (row) => (
        <span className="actions">
          {barFilters(row.filters) && (
            <button
              type="button"
              className="button small"
              aria-label={`${t('alerts.change')}: ${row.name}`}
              onClick={() => onEdit(row)}
            >
              {t('alerts.change')}
            </button>
          )}
          <button
            type="button"
            className="button small"
            aria-label={`${t(isMuted(row) ? 'alerts.unmute' : 'alerts.mute')}: ${row.name}`}
            onClick={() =>
              mute.mutate({
                id: row.id,
                until: isMuted(row) ? null : new Date(api.now() + DAY_MILLISECONDS).toISOString(),
              })
            }
          >
            {t(isMuted(row) ? 'alerts.unmute' : 'alerts.mute')}
          </button>
          <ConfirmButton
            label={t('alerts.remove')}
            of={row.name}
            question={t('alerts.removeQuestion')}
            onConfirm={() => remove.mutateAsync(row.id)}
          />
        </span>
      ),
    });
  }
  return (
    <DataTable
      caption={t('alerts.all')}
      columns={columns}
      rows={alerts}
      keyOf={(row) => String(row.id)}
    />
  );
}

function History() {
  const { t } = useTranslation();
  const { api } = useServices();
  const events = useInfiniteQuery({
    // Of the same family as the list: every change asks it anew.
    queryKey: ['accounts', 'alert-events'],
    queryFn: async ({ pageParam, signal }) => {
      const query = pageParam === null ? {} : { before: pageParam };
      const { data } = await api.client.GET('/api/v1/alerts/events', { params: { query }, signal });
      return present(data);
    },
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next_before,
    retry: false,
  });
  return (
    <Card title={t('alerts.history')} note={t('alerts.historyNote')}>
      {events.isPending && <Skeleton height={200} />}
      {events.isError && <Failure error={events.error} onRetry={events.refetch} height={200} />}
      {events.data && !events.isError && (
        <EventTable events={events.data.pages.flatMap((page) => page.events)} />
      )}
      {events.hasNextPage && (
        <MoreButton isLoading={events.isFetchingNextPage} onPress={events.fetchNextPage} />
      )}
    </Card>
  );
}

function EventTable({ events }: { readonly events: readonly AlertEvent[] }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  const words = useAlertWords();
  const acknowledge = useChange((id: number) =>
    api.client.POST('/api/v1/alerts/events/{event_id}/acknowledge', {
      params: { path: { event_id: id } },
    }),
  );
  if (events.length === 0) return <p className="placeholder">{t('alerts.nothingFired')}</p>;
  const columns: Column<AlertEvent>[] = [
    {
      key: 'window',
      title: t('alerts.window'),
      value: (row) => row.window_start,
      show: (row) => <span className="moment">{formats.moment(row.window_start)}</span>,
      isHeader: true,
    },
    {
      key: 'name',
      title: t('alerts.name'),
      value: (row) => row.name,
      show: (row) => <Clipped text={row.name} />,
    },
    {
      key: 'value',
      title: t('alerts.value'),
      value: (row) => (row.value === null ? t('alerts.noDataShort') : words.value(row, row.value)),
      isNumeric: true,
    },
    { key: 'expected', title: t('alerts.expected'), value: (row) => words.expected(row) },
    {
      key: 'told',
      title: t('alerts.told'),
      value: (row) => row.silence ?? row.messages.map(({ state }) => state).join(),
      show: (row) =>
        row.silence
          ? t(`alerts.silence.${row.silence}`)
          : row.messages
              .map(({ channel, state, problem }) =>
                [t(`alerts.channel.${channel as 'chat'}`), t(`alerts.message.${state}`), problem]
                  .filter(Boolean)
                  .join(': '),
              )
              .join(' · ') || t('alerts.nobody'),
      isMinor: true,
    },
    {
      key: 'acknowledged',
      title: t('alerts.acknowledged'),
      value: (row) => row.acknowledged_at,
      show: (row) =>
        row.acknowledged_at ? (
          `${row.acknowledged_by}, ${formats.moment(row.acknowledged_at)}`
        ) : (
          <button type="button" className="button small" onClick={() => acknowledge.mutate(row.id)}>
            {t('alerts.acknowledge')}
          </button>
        ),
    },
  ];
  return (
    <DataTable
      caption={t('alerts.history')}
      columns={columns}
      rows={events}
      keyOf={(row) => String(row.id)}
    />
  );
}
