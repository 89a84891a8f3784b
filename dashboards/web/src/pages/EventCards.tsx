/** Which commands people use, and who blocked the bot and came back. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { CommandUse } from '../api/types';
import { useReport } from '../api/useReport';
import { begunBuckets, partialFrom, type Series } from '../charts/model';
import { TimeChart, withLegend } from '../charts/TimeChart';
import { seriesQuery } from '../period/query';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { Empty } from '../ui/states';
import { fileName, useFile } from './files';
import { useFirstDay } from './useFirstDay';
import { usePageQuery } from './usePageQuery';

const COLUMNS = ['name', 'command_uses', 'command_people'];
const UNKNOWN = 'unknown';
const HEIGHT = 200;

/** The uses over time, and by command. */
export function Commands() {
  const { t } = useTranslation();
  const file = useFile();
  const [view] = usePageQuery();
  const firstDay = useFirstDay();
  const query = useMemo(() => seriesQuery(view), [view]);
  const commands = useReport('/api/v1/stats/commands', query);
  const formats = useFormats(commands.data?.period.tz ?? null);
  const answer = commands.data;
  return (
    <Card
      title={t('commands.title')}
      metrics={['command_uses', 'command_people']}
      note={t('commands.note')}
      picture={answer ? fileName('commands', answer) : null}
      csv={answer ? file('commands', answer, answer.commands.points) : null}
    >
      <Loaded query={commands} height={withLegend(HEIGHT)}>
        {({ commands: found, period, newest_through }) => {
          if (found.command_uses === 0) return <Empty text={t('commands.empty')} />;
          const starts = found.buckets.map((bucket) => bucket.start);
          const uses: Series = {
            key: 'command_uses',
            label: t('commands.uses'),
            kind: 'bar',
            tone: 'blue',
            values: found.buckets.map((bucket) => bucket.command_uses),
            format: (value) => formats.count(value),
          };
          return (
            <>
              <TimeChart
                label={t('commands.title')}
                height={HEIGHT}
                axis={{
                  starts,
                  bucket: period.bucket,
                  tz: period.tz,
                  partialFrom: partialFrom(starts, newest_through),
                  firstDay,
                  knownTo: begunBuckets(starts, newest_through),
                }}
                panels={[{ key: 'uses', weight: 1, series: [uses] }]}
              />
              <CommandTable commands={found.names} />
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

function CommandTable({ commands }: { readonly commands: readonly CommandUse[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [order, onOrder] = useOrder('commands', COLUMNS);
  const nameOf = ({ name }: CommandUse) => (name === UNKNOWN ? t('commands.unknown') : `/${name}`);
  const columns: Column<CommandUse>[] = [
    { key: 'name', title: t('commands.name'), value: nameOf, isHeader: true },
    {
      key: 'command_uses',
      title: t('commands.uses'),
      value: (row) => row.command_uses,
      show: (row) => formats.count(row.command_uses),
      isNumeric: true,
    },
    {
      key: 'command_people',
      title: t('commands.people'),
      value: (row) => row.command_people,
      show: (row) => formats.count(row.command_people),
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('commands.title')}
      columns={columns}
      rows={commands}
      keyOf={(row) => row.name}
      sorting={{ order, onOrder }}
    />
  );
}

/** People who blocked the bot and who came back, over time. */
export function Blocks() {
  const { t } = useTranslation();
  const file = useFile();
  const [view] = usePageQuery();
  const firstDay = useFirstDay();
  const query = useMemo(() => seriesQuery(view), [view]);
  const blocks = useReport('/api/v1/stats/blocks', query);
  const formats = useFormats(blocks.data?.period.tz ?? null);
  const answer = blocks.data;
  return (
    <Card
      title={t('blocks.title')}
      metrics={['blocked_people', 'unblocked_people']}
      note={
        answer &&
        t('blocks.note', {
          blocked: formats.count(answer.blocks.blocked_people),
          unblocked: formats.count(answer.blocks.unblocked_people),
        })
      }
      picture={answer ? fileName('blocks', answer) : null}
      csv={answer ? file('blocks', answer, answer.blocks.points) : null}
    >
      <Loaded query={blocks} height={withLegend(HEIGHT)}>
        {({ blocks: found, period, newest_through }) => {
          const starts = found.points.map((point) => point.start);
          const series = (key: 'blocked_people' | 'unblocked_people'): Series => ({
            key,
            label: t(`blocks.${key}`),
            kind: 'bar',
            tone: key === 'blocked_people' ? 'red' : 'green',
            values: found.points.map((point) => point[key]),
            format: (value) => formats.count(value),
          });
          return (
            <TimeChart
              label={t('blocks.title')}
              height={HEIGHT}
              axis={{
                starts,
                bucket: period.bucket,
                tz: period.tz,
                partialFrom: partialFrom(starts, newest_through),
                firstDay,
                knownTo: begunBuckets(starts, newest_through),
              }}
              panels={[
                { key: 'blocked', weight: 1, series: [series('blocked_people')] },
                { key: 'unblocked', weight: 1, series: [series('unblocked_people')] },
              ]}
            />
          );
        }}
      </Loaded>
    </Card>
  );
}
