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
import { type OtherPeriod, useOtherReport } from './useOtherPeriod';

const HEIGHT = 56;

interface Props {
  /** The period to compare with. */
  readonly other: Pick<OtherPeriod, 'name' | 'query'>;
}

export function SessionsCard({ other }: Props) {
  const { t } = useTranslation();
  const file = useFile();
  const formats = useFormats(null);
  const [view] = useView();
  const answer = useReport(
    '/api/v1/stats/sessions',
    useMemo(() => seriesQuery(view), [view]),
  );
  const found = answer.data?.sessions;
  const earlier = useOtherReport('/api/v1/stats/sessions', other.query)?.sessions;
  const inWords = (of: NonNullable<typeof found>) =>
    t('users.sessionsNote', {
      sessions: formats.count(of.sessions),
      turns: formats.decimal(of.turns_per_session),
      length: of.session_p50_ms === null ? NONE : formats.age(of.session_p50_ms / 1000),
    });
  return (
    <Card
      title={t('users.sessions')}
      metrics={['sessions', 'turns_per_session', 'session_p50_ms']}
      note={
        found &&
        [inWords(found), earlier && `${other.name}: ${inWords(earlier)}`].filter(Boolean).join('. ')
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
