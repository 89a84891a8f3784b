/** One person: since when, from where, how much, and every turn. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { RuleMaker } from '../accounts/RuleMaker';
import { RuleStates } from '../accounts/RuleStates';
import { RulesCard } from '../accounts/RulesCard';
import { useManagesPeople } from '../accounts/rules';
import type { PersonTotals } from '../api/types';
import { useReport } from '../api/useReport';
import { ACTIVITY_HEIGHT } from '../charts/ActivityChart';
import { withLegend } from '../charts/TimeChart';
import { is, withFilter } from '../filters/filters';
import { Pick, TurnsLink } from '../filters/Pick';
import { compareQuery, periodQuery } from '../period/query';
import { useView } from '../period/useView';
import { Card } from '../ui/Card';
import { Facts } from '../ui/Facts';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { useCodeNames } from './codes';
import { DialogTable } from './DialogTable';
import { fileName, seriesRows, useFile } from './files';
import { MetricSelect } from './MetricSelect';
import { CauseTable, ModelTable } from './ModelTables';
import NotFoundPage from './NotFoundPage';
import { PageFrame } from './PageFrame';
import { PickedActivity } from './PickedActivity';
import { nameOf, visible } from './people';
import { TurnList } from './TurnList';
import { useFirstDay } from './useFirstDay';

const DIALOGS = 10;
const TURNS = 25;

interface Props {
  readonly params: { readonly key: string };
}

export default function PersonPage({ params }: Props) {
  return /^[1-9]\d{0,9}$/.test(params.key) ? <Page userKey={params.key} /> : <NotFoundPage />;
}

function Page({ userKey }: { readonly userKey: string }) {
  const { t } = useTranslation();
  const file = useFile();
  const [view] = useView();
  const key = Number(userKey);
  const query = useMemo(
    () => periodQuery({ ...view, filters: withFilter(view.filters, is('person', userKey)) }),
    [view, userKey],
  );
  const compared = useMemo(() => ({ ...compareQuery(view), ...query }), [view, query]);
  const person = useReport('/api/v1/stats/users/one', { person: key });
  const activity = useReport('/api/v1/stats/activity', compared);
  const models = useReport('/api/v1/stats/models', query);
  const dialogs = useReport('/api/v1/stats/dialogs', { ...query, limit: DIALOGS });
  const firstDay = useFirstDay();
  const managesPeople = useManagesPeople();
  const people = person.data?.people ?? {};
  const name = nameOf(people, key);
  const username = visible(people[userKey]?.username);
  return (
    <PageFrame
      title={name}
      main={person}
      compares
      hasPoints
      lead={
        <div className="person-lead">
          <p className="note">
            {[`#${userKey}`, username && `@${username}`].filter(Boolean).join(' · ')}
          </p>
          {managesPeople && <RuleMaker label={t('rules.lead')} person={{ key, name }} />}
          <RuleStates userKey={key} />
        </div>
      }
    >
      <Card title={t('person.sinceFirst')}>
        <Loaded query={person} height={150}>
          {(answer) => <PersonFacts person={answer.person} tz={answer.report_timezone} />}
        </Loaded>
      </Card>
      <Card
        title={t('activity.title')}
        actions={<MetricSelect />}
        picture={activity.data ? fileName(view.metric ?? 'activity', activity.data) : null}
        csv={
          activity.data ? file('activity', activity.data, seriesRows(activity.data.activity)) : null
        }
      >
        <Loaded query={activity} height={withLegend(ACTIVITY_HEIGHT)}>
          {(answer) => (
            <PickedActivity answer={answer} firstDay={firstDay} metric={view.metric} isOfOne />
          )}
        </Loaded>
      </Card>
      <Card
        title={t('models.title')}
        csv={models.data ? file('models', models.data, models.data.models.models) : null}
      >
        <Loaded query={models} height={160}>
          {(answer) => <ModelTable models={answer.models.models} of={[is('person', userKey)]} />}
        </Loaded>
      </Card>
      <Card title={t('models.causes')} note={t('models.causesNote')}>
        <Loaded query={models} height={120}>
          {(answer) => <CauseTable causes={answer.models.causes} of={[is('person', userKey)]} />}
        </Loaded>
      </Card>
      <Card
        title={t('dialogs.recent')}
        csv={dialogs.data ? file('dialogs', dialogs.data, dialogs.data.dialogs) : null}
      >
        <Loaded query={dialogs} height={240}>
          {(answer) => (
            <DialogTable dialogs={answer.dialogs} people={answer.people} tz={answer.period.tz} />
          )}
        </Loaded>
      </Card>
      <RulesCard person={{ key, name }} />
      <TurnList query={{ ...query, limit: TURNS }} of="person" />
    </PageFrame>
  );
}

interface FactsProps {
  readonly person: PersonTotals;
  readonly tz: string;
}

function PersonFacts({ person, tz }: FactsProps) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const codes = useCodeNames();
  const counted = (count: number, status?: string) => (
    <TurnsLink
      count={count}
      filters={[is('person', String(person.user_key)), ...(status ? [is('status', status)] : [])]}
      period={{ from: person.first_turn_at, to: person.last_turn_at, tz }}
    >
      {formats.count(count)}
    </TurnsLink>
  );
  return (
    <Facts
      facts={[
        [t('person.first'), formats.moment(person.first_turn_at)],
        [t('person.last'), formats.moment(person.last_turn_at)],
        [t('person.activeDays'), formats.count(person.active_days)],
        [
          t('column.source'),
          person.source ? (
            <Pick key="source" dimension="source" value={person.source}>
              {person.source}
            </Pick>
          ) : (
            t('users.direct')
          ),
        ],
        [t('column.language'), codes.language(person.language)],
        [t('column.turns'), counted(person.turns)],
        [t('column.failed'), counted(person.failed, 'failed')],
        [t('person.rejected'), counted(person.rejected, 'rejected')],
        [t('column.tokens'), formats.count(person.tokens)],
        [t('column.cost'), formats.money(person.cost_usd)],
        [t('person.blocked'), person.blocked_at ? formats.moment(person.blocked_at) : NONE],
      ]}
    />
  );
}
