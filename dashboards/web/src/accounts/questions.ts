/** What the pages of accounts ask of the API. A change asks everything that is shown anew. */

import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { present } from '../api/api';
import type { components } from '../api/schema';
import { useServices } from '../app/services';

type Schemas = components['schemas'];
export type AccountView = Schemas['AccountView'];
export type KeyView = Schemas['KeyView'];
export type NewKey = Schemas['NewKey'];
export type InvitationPage = Schemas['InvitationPage'];
export type InvitationView = Schemas['InvitationView'];
export type NewInvitation = Schemas['NewInvitation'];
export type SessionView = Schemas['SessionView'];
export type AuditEvent = Schemas['AuditEventView'];
export type AuditPageAnswer = Schemas['AuditPage'];
export type Scope = Schemas['Scope'];
export type RuleView = Schemas['RuleView'];

/** Begins the key of everything that is asked anew after a change. */
export const ASKED = 'accounts';

export const SCOPES: readonly Scope[] = [
  'stats:read',
  'names:read',
  'texts:read',
  'dagster:use',
  'people:manage',
  'admin',
];

/** The name of a scope in the texts, whose keys have no colons. */
export const scopeKey = (scope: Scope) =>
  scope.replace(':', '_') as
    | 'stats_read'
    | 'names_read'
    | 'texts_read'
    | 'dagster_use'
    | 'people_manage'
    | 'admin';

/** Answers of routes without arguments. */
type Plain =
  | '/api/v1/about'
  | '/api/v1/admin/accounts'
  | '/api/v1/admin/invitations'
  | '/api/v1/admin/keys'
  | '/api/v1/alerts'
  | '/api/v1/auth/me'
  | '/api/v1/auth/sessions'
  | '/api/v1/bill'
  | '/api/v1/keys'
  | '/api/v1/setup';
type Answer<P extends Plain> =
  import('../api/schema').paths[P]['get']['responses'][200]['content']['application/json'];

/** The answer, asked again every `refresh` milliseconds if they are given. */
export function useAsked<P extends Plain>(
  path: P,
  refresh: number | false = false,
): UseQueryResult<Answer<P>> {
  const { api } = useServices();
  return useQuery({
    queryKey: [ASKED, path],
    queryFn: async ({ signal }) => {
      // The client's own signature needs one literal path.
      const get = api.client.GET as unknown as (
        path: string,
        options: object,
      ) => Promise<{ data?: Answer<P> }>;
      return present((await get(path, { signal })).data);
    },
    refetchInterval: refresh,
    retry: false,
  });
}

/** Changes something, then asks for everything that the pages of accounts show. */
export function useChange<Argument = void, Result = unknown>(
  change: (argument: Argument) => Promise<Result>,
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => queries.invalidateQueries({ queryKey: [ASKED] }),
  });
}
