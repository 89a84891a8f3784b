/** Where an account is signed in, for administrators: end one session, or all of them. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import { useServices } from '../app/services';
import { ConfirmButton } from '../ui/ConfirmButton';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { browserName } from './browserName';
import { ASKED, useChange } from './questions';

interface Props {
  readonly accountId: number;
}

export function AccountSessions({ accountId }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  const sessions = useQuery({
    queryKey: [ASKED, 'sessions', accountId],
    queryFn: async ({ signal }) =>
      present(
        (
          await api.client.GET('/api/v1/admin/accounts/{account_id}/sessions', {
            params: { path: { account_id: accountId } },
            signal,
          })
        ).data,
      ),
    retry: false,
  });
  const end = useChange((sessionId: number) =>
    api.client.POST('/api/v1/admin/accounts/{account_id}/sessions/{session_id}/end', {
      params: { path: { account_id: accountId, session_id: sessionId } },
    }),
  );
  return (
    <section>
      <h3 className="part-title">{t('sessions.title')}</h3>
      <Loaded query={sessions} height={40}>
        {(answer) =>
          answer.sessions.length === 0 ? (
            <p className="note">{t('sessions.none')}</p>
          ) : (
            <ul className="session-list">
              {answer.sessions.map((session) => {
                const browser = browserName(session.user_agent ?? '') || t('sessions.unknown');
                return (
                  <li key={session.id}>
                    <span>
                      {browser}{' '}
                      <span className="note">
                        {[session.address, formats.moment(session.created_at)]
                          .filter(Boolean)
                          .join(' · ')}
                      </span>
                    </span>
                    {!session.is_current && (
                      <ConfirmButton
                        label={t('sessions.end')}
                        of={browser}
                        question={t('sessions.endQuestion')}
                        onConfirm={() => end.mutateAsync(session.id)}
                      />
                    )}
                  </li>
                );
              })}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}
