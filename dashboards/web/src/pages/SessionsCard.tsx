/** How many sessions began, how many turns they have and how long they last. */

import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useReport } from '../api/useReport';
import { seriesQuery } from '../period/query';
import { useView } from '../period/useView';
import { Card } from '../ui/Card';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { Sparkline } from '../ui/Sparkline';
import { useFile } from './files';

const HEIGHT = 56;

export function SessionsCard() {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const [view] = useView();
  const answer = useReport(
    '/api/v1/stats/sessions',
    useMemo(() => seriesQuery(view), [view]),
  );
  const found = answer.data?.sessions;
  return (
    <Card
      title={t('users.sessions')}
      metrics={['sessions', 'turns_per_session', 'session_p50_ms']}
      note={
        found &&
        t('users.sessionsNote', {
          sessions: formats.count(found.sessions),
          turns: formats.decimal(found.turns_per_session),
          length: found.session_p50_ms === null ? NONE : formats.age(found.session_p50_ms / 1000),
        })
      }
      csv={answer.data && found ? file('sessions', answer.data, found.points) : null}
    >
      <Loaded query={answer} height={HEIGHT}>
        {({ sessions }) => (
          <div style={{ height: HEIGHT }}>
            <Sparkline values={sessions.points.map((point) => point.sessions)} />
          </div>
        )}
      </Loaded>
    </Card>
  );
}
