/** Turns one by one: when, who, how it ended and why, by which model, what it cost. */

import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { ListedTurn } from '../api/types';
import { Pick } from '../filters/Pick';
import { useLinks } from '../filters/useFilters';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { nameOf, type People, PersonName } from './people';
import { Status } from './Status';
import './marked.css';

interface Props {
  readonly turns: readonly ListedTurn[];
  readonly people: People;
  readonly tz: string;
  /** The page is about one person or dialog: no need to name them in each row. */
  readonly of?: 'person' | 'dialog';
  /** The turn that a link is about. */
  readonly marked?: string | undefined;
  /** Present only for those who may read texts: opens those of a turn. */
  readonly onRead?: ((turnId: string) => void) | undefined;
}

export function TurnTable({ turns, people, tz, of, marked, onRead }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const codes = useCodeNames();
  const links = useLinks();
  if (turns.length === 0) return <Empty />;
  const columns: Column<ListedTurn>[] = [
    {
      key: 'received_at',
      title: t('column.time'),
      value: (turn) => turn.received_at,
      show: (turn) =>
        onRead ? (
          <button
            type="button"
            className="count-link pick"
            title={t('turns.read')}
            onClick={() => onRead(turn.turn_id)}
          >
            {formats.moment(turn.received_at)}
          </button>
        ) : of === 'dialog' ? (
          <span className="time">{formats.moment(turn.received_at)}</span>
        ) : (
          <Link
            className="count-link"
            href={links.dialog(turn.dialog_id, turn.turn_id)}
            title={t('dialogs.openOf', { name: nameOf(people, turn.user_key) })}
          >
            {formats.moment(turn.received_at)}
          </Link>
        ),
      isHeader: true,
    },
    {
      key: 'status',
      title: t('column.ended'),
      value: (turn) => turn.status,
      show: (turn) => <Status status={turn.status} />,
    },
    {
      key: 'cause',
      title: t('column.cause'),
      value: (turn) => turn.cause,
      show: (turn) =>
        turn.cause ? (
          <Pick dimension="cause" value={turn.cause}>
            {codes.cause(turn.cause)}
          </Pick>
        ) : (
          NONE
        ),
    },
    {
      key: 'model',
      title: t('column.model'),
      value: (turn) => turn.model_used ?? turn.model_asked,
      show: (turn) => <TurnModel turn={turn} />,
    },
    {
      key: 'latency_ms',
      title: t('column.answerTime'),
      value: (turn) => turn.latency_ms,
      isDuration: true,
      isMinor: true,
    },
    {
      key: 'tokens',
      title: t('column.tokens'),
      value: (turn) => turn.prompt_tokens + turn.completion_tokens,
      show: (turn) => formats.compact(turn.prompt_tokens + turn.completion_tokens),
      isNumeric: true,
      isMinor: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (turn) => turn.cost_usd,
      isMoney: true,
    },
    {
      key: 'answer_parts',
      title: t('column.parts'),
      value: (turn) => turn.answer_parts,
      show: (turn) => formats.count(turn.answer_parts),
      isNumeric: true,
      isMinor: true,
    },
  ];
  if (of === undefined) {
    columns.splice(1, 0, {
      key: 'person',
      title: t('column.person'),
      value: (turn) => nameOf(people, turn.user_key),
      show: (turn) => <PersonName people={people} userKey={turn.user_key} isShort />,
    });
  }
  return (
    <DataTable
      caption={t('turns.title')}
      columns={columns}
      rows={turns}
      keyOf={(turn) => turn.turn_id}
      marked={marked}
    />
  );
}

/** The model that answered, else the one asked; and why it answered in place of another. */
function TurnModel({ turn }: { readonly turn: ListedTurn }) {
  const { t } = useTranslation();
  const codes = useCodeNames();
  const model = turn.model_used ?? turn.model_asked;
  return (
    <>
      {model ? (
        <Pick dimension="model" value={model}>
          {model}
        </Pick>
      ) : (
        NONE
      )}
      {turn.fallback_cause && (
        <span className="note">
          {' '}
          {t('turns.fallback', {
            model: turn.model_asked ?? NONE,
            cause: codes.cause(turn.fallback_cause),
          })}
        </span>
      )}
    </>
  );
}
