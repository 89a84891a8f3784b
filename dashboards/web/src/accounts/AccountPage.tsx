/** The own account: who am I, what may I see, password, sessions, keys, and where else to look. */

import { useTranslation } from 'react-i18next';
import type { components } from '../api/schema';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Loaded } from '../ui/Loaded';
import { KeysCard } from './KeysCard';
import { PasswordCard } from './PasswordCard';
import { PlacesCard } from './PlacesCard';
import { PlainPage } from './PlainPage';
import { SCOPES, scopeKey, useAsked } from './questions';
import { SessionsCard } from './SessionsCard';

export default function AccountPage() {
  const { t } = useTranslation();
  const me = useAsked('/api/v1/auth/me');
  return (
    <PlainPage title={t('account.title')}>
      <Card title={t('account.who')}>
        <Loaded query={me} height={300}>
          {(identity) => <Identity identity={identity} />}
        </Loaded>
      </Card>
      <SessionsCard />
      <KeysCard />
      <div className="columns">
        <PasswordCard />
        <PlacesCard />
      </div>
    </PlainPage>
  );
}

function Identity({ identity }: { readonly identity: components['schemas']['Identity'] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const { username, scopes, created_at } = identity;
  const lacks = SCOPES.some((scope) => !scopes.includes(scope));
  return (
    <>
      <dl className="facts">
        <div>
          <dt>{t('account.username')}</dt>
          <dd>{username}</dd>
        </div>
        <div>
          <dt>{t('account.since')}</dt>
          <dd>{formats.moment(created_at)}</dd>
        </div>
      </dl>
      <h3 className="part-title">{t('account.permissions')}</h3>
      <ul className="permissions">
        {SCOPES.map((scope) => {
          const has = scopes.includes(scope);
          return (
            <li key={scope} className={has ? 'granted' : 'lacking'}>
              <Icon name={has ? 'check' : 'lock'} />
              <span>
                {t(`scope.${scopeKey(scope)}`)} <code>{scope}</code>
              </span>
              <span className="note">{has ? t('account.granted') : t('account.lacking')}</span>
            </li>
          );
        })}
      </ul>
      {lacks && <p className="note">{t('account.whoGrants', { username })}</p>}
    </>
  );
}
