/** How many people use the bot right now: the last half hour, a bar for each minute. */

import { useTranslation } from 'react-i18next';
import type { LastMinutes } from '../api/types';
import { useReport } from '../api/useReport';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';

export const NOW_HEIGHT = 40;

export function NowStrip() {
  const { t } = useTranslation();
  const now = useReport('/api/v1/stats/now', {});
  return (
    <Card title={t('now.title')} metrics={['active_users', 'turns']} className="now">
      <Loaded query={now} height={NOW_HEIGHT}>
        {(answer) => <Minutes now={answer.now} tz={answer.report_timezone} />}
      </Loaded>
    </Card>
  );
}

function Minutes({ now, tz }: { readonly now: LastMinutes; readonly tz: string }) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const most = Math.max(1, ...now.points.map((point) => point.turns));
  const people = t('now.people', {
    count: now.active_users,
    value: formats.count(now.active_users),
  });
  const turns = t('now.turns', { count: now.turns, value: formats.count(now.turns) });
  return (
    <div className="now-figures">
      <p>
        <strong>{people}</strong> · {turns}
      </p>
      <div className="minutes" role="img" aria-label={t('now.chart', { people, turns })}>
        {now.points.map((point) => (
          <span
            key={point.start}
            className={point.turns > 0 ? 'minute' : 'minute none'}
            style={{ height: `${(100 * point.turns) / most}%` }}
            title={t('now.minute', {
              time: formats.time(point.start),
              turns: formats.count(point.turns),
              people: formats.count(point.active_users),
            })}
          />
        ))}
      </div>
    </div>
  );
}
