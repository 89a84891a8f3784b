/** Saved views: asked for, saved, changed and deleted. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { present } from '../api/api';
import type { components } from '../api/schema';
import { useServices } from '../app/services';

export type SavedView = components['schemas']['StoredView'];
export type NewView = components['schemas']['ViewRequest'];

const KEY = ['views'];

export function useSavedViews() {
  const { api } = useServices();
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }): Promise<readonly SavedView[]> =>
      present((await api.client.GET('/api/v1/views', { signal })).data).views,
    retry: false,
  });
}

/** Saves a view; one of the same name that is the own one is replaced. */
export function useSaveView(views: readonly SavedView[]) {
  const { api } = useServices();
  return useChange((body: NewView) => {
    const old = views.find((one) => one.is_own && one.name === body.name);
    if (!old) return api.client.POST('/api/v1/views', { body });
    const params = { path: { view_id: old.id } };
    return api.client.PUT('/api/v1/views/{view_id}', { params, body });
  });
}

export function useDeleteView() {
  const { api } = useServices();
  return useChange((id: number) =>
    api.client.DELETE('/api/v1/views/{view_id}', { params: { path: { view_id: id } } }),
  );
}

function useChange<Argument>(change: (argument: Argument) => Promise<unknown>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
}
