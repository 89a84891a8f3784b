/** The way from an empty installation to figures: each step with a tick once it is done. */

import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useAsked } from '../accounts/questions';
import { useReport } from '../api/useReport';
import { useScope } from '../app/services';
import { Card } from '../ui/Card';
import { Icon } from '../ui/Icon';
import { Loaded } from '../ui/Loaded';

const REFRESH_MILLISECONDS = 5_000;
const HEIGHT = 320;

type StepKey = 'bot' | 'message' | 'answer' | 'published' | 'compared' | 'names' | 'operator';

interface Step {
  readonly key: StepKey;
  readonly isDone: boolean;
  readonly more?: ReactNode;
}

export default function SetupCard({ onEnd }: { readonly onEnd: () => void }) {
  const { t } = useTranslation();
  const setup = useAsked('/api/v1/setup', REFRESH_MILLISECONDS);
  const freshness = useReport('/api/v1/stats/freshness', {});
  const quality = useReport('/api/v1/stats/quality', {});
  const seesNames = useScope('names:read');
  const { usernames = [], has_message, has_answer, has_operator_chat } = setup.data ?? {};
  const steps: readonly Step[] = [
    {
      key: 'bot',
      isDone: usernames.length > 0,
      more: usernames.map((name) => <BotLink key={name} username={name} />),
    },
    { key: 'message', isDone: has_message === true },
    { key: 'answer', isDone: has_answer === true },
    { key: 'published', isDone: (freshness.data?.freshness.turns ?? 0) > 0 },
    { key: 'compared', isDone: (quality.data?.quality.days.length ?? 0) > 0 },
    { key: 'names', isDone: seesNames },
    { key: 'operator', isDone: has_operator_chat === true },
  ];
  const done = steps.filter((step) => step.isDone).length;
  const isComplete = done === steps.length;
  useEffect(() => {
    if (isComplete) onEnd();
  }, [isComplete, onEnd]);
  return (
    <Card
      title={t('setup.title')}
      note={setup.data && t('setup.done', { done, all: steps.length })}
      actions={
        <button type="button" className="button" onClick={onEnd}>
          {t('setup.hide')}
        </button>
      }
    >
      <Loaded query={setup} height={HEIGHT}>
        {() => (
          <ol className="setup">
            {steps.map((step) => (
              <li key={step.key} className={step.isDone ? 'done' : undefined}>
                <span className="setup-tick">{step.isDone && <Icon name="check" />}</span>
                <div>
                  <strong>{t(`setup.step.${step.key}`)}</strong>{' '}
                  <span className="visually-hidden">
                    {t(step.isDone ? 'setup.isDone' : 'setup.isOpen')}
                  </span>
                  {step.more}
                  {!step.isDone && <p className="note">{t(`setup.advice.${step.key}`)}</p>}
                </div>
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Card>
  );
}

function BotLink({ username }: { readonly username: string }) {
  return (
    <>
      {' '}
      <a href={`https://t.me/${username}`} target="_blank" rel="noreferrer">
        t.me/{username}
      </a>
    </>
  );
}
