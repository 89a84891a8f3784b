/** One dialog: whose it is, what it cost, every turn; and its texts for those who may read them. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearch } from 'wouter';
import type { RecentDialog } from '../api/types';
import { useReport } from '../api/useReport';
import { useScope } from '../app/services';
import { filterQuery, is, isUuid, readFilter, writeFilter } from '../filters/filters';
import { Card } from '../ui/Card';
import { Facts } from '../ui/Facts';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { DialogReader } from './DialogReader';
import NotFoundPage from './NotFoundPage';
import { PageFrame } from './PageFrame';
import { nameOf, type People, PersonName } from './people';
import { Status } from './Status';
import { TurnList } from './TurnList';

const NEWEST = 'newest';

interface Props {
  readonly params: { readonly id: string };
}

export default function DialogPage({ params }: Props) {
  const filter = readFilter(writeFilter(is('dialog', params.id)));
  return filter ? <Page id={params.id} /> : <NotFoundPage />;
}

/** The turn that a link to this dialog is about. */
function useTurnOfLink(): string | undefined {
  const turn = new URLSearchParams(useSearch()).get('turn');
  return turn !== null && isUuid(turn) ? turn : undefined;
}

function Page({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const mayRead = useScope('texts:read');
  const turn = useTurnOfLink();
  /** The turn at which the texts are read, `newest`, or null: they are closed. */
  const [opened, setOpened] = useState<string | null>(null);
  const query = { period: 'all' as const, ...filterQuery([is('dialog', id)]) };
  const found = useReport('/api/v1/stats/dialogs', { ...query, limit: 1 });
  const dialog = found.data?.dialogs[0];
  const people = found.data?.people ?? {};
  const tz = found.data?.period.tz ?? 'UTC';
  const name = dialog ? nameOf(people, dialog.user_key) : id.slice(0, 8);
  return (
    <PageFrame title={t('dialogs.pageTitle', { name })} main={found} picks="nothing">
      <Card
        title={t('dialogs.about')}
        note={mayRead ? null : t('dialogs.noScope')}
        actions={
          mayRead &&
          dialog && (
            <button type="button" className="button" onClick={() => setOpened(turn ?? NEWEST)}>
              {t('dialogs.read')}
            </button>
          )
        }
      >
        <Loaded query={found} height={120}>
          {(answer) =>
            answer.dialogs[0] ? (
              <DialogFacts dialog={answer.dialogs[0]} people={answer.people} tz={tz} />
            ) : (
              <Empty text={t('dialogs.gone')} />
            )
          }
        </Loaded>
      </Card>
      <TurnList
        query={query}
        marked={turn}
        onRead={mayRead ? setOpened : undefined}
        {...((dialog?.users ?? 0) > 1 ? {} : { of: 'dialog' })}
      />
      {opened && (
        <DialogReader
          dialogId={id}
          name={name}
          tz={tz}
          turn={opened === NEWEST ? undefined : opened}
          onClose={() => setOpened(null)}
        />
      )}
    </PageFrame>
  );
}

interface FactsProps {
  readonly dialog: RecentDialog;
  readonly people: People;
  readonly tz: string;
}

function DialogFacts({ dialog, people, tz }: FactsProps) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const codes = useCodeNames();
  return (
    <Facts
      facts={[
        [
          t('column.person'),
          <>
            <PersonName people={people} userKey={dialog.user_key} />
            {dialog.users > 1 && (
              <span className="note"> {t('dialogs.others', { count: dialog.users - 1 })}</span>
            )}
          </>,
        ],
        [t('column.chat'), codes.chatType(dialog.chat_type)],
        [t('column.language'), codes.language(dialog.language)],
        [t('dialogs.first'), formats.moment(dialog.first_turn_at)],
        [t('column.last'), formats.moment(dialog.last_turn_at)],
        [t('column.ended'), <Status key="status" status={dialog.last_status} />],
        [t('column.turns'), formats.count(dialog.turns)],
        [t('column.answers'), formats.count(dialog.answers)],
        [t('column.tokens'), formats.count(dialog.tokens)],
        [t('column.cost'), formats.money(dialog.cost_usd)],
      ]}
    />
  );
}
