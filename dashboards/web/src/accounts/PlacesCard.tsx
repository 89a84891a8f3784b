/** Where else to look: the API's documentation, Grafana, Dagster; and the version. */

import { useTranslation } from 'react-i18next';
import { Card } from '../ui/Card';
import { Loaded } from '../ui/Loaded';
import { isReachable } from './places';
import { useAsked } from './questions';

export function PlacesCard() {
  const { t } = useTranslation();
  const about = useAsked('/api/v1/about');
  return (
    <Card
      title={t('places.title')}
      note={about.data && t('preferences.version', { version: about.data.version })}
    >
      <Loaded query={about} height={110}>
        {({ grafana_url, dagster_url }) => (
          <ul className="places">
            <Place href="/docs" name={t('places.docs')} note={t('places.docsNote')} />
            {isReachable(grafana_url) && (
              <Place href={grafana_url} name="Grafana" note={t('places.grafanaNote')} />
            )}
            {isReachable(dagster_url) && (
              <Place href={dagster_url} name="Dagster" note={t('places.dagsterNote')} />
            )}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

interface PlaceProps {
  readonly href: string;
  readonly name: string;
  readonly note: string;
}

function Place({ href, name, note }: PlaceProps) {
  return (
    <li>
      <a href={href} target="_blank" rel="noreferrer">
        {name}
      </a>
      <p className="note">{note}</p>
    </li>
  );
}
