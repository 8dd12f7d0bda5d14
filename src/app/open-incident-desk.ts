/** The incidents that are meant: a server's, else those of the local store. */
import { ApiClient } from './api-client.ts';
import type { DeskPlace, IncidentDesk } from './incident-desk.ts';

/** The address of the server that is meant, if any: `--server`, else ALLCLEAR_SERVER. */
export function serverOf({ server, env }: Pick<DeskPlace, 'server' | 'env'>): string | null {
  return server?.trim() || env['ALLCLEAR_SERVER']?.trim() || null;
}

/** Opens it for one piece of work. */
export async function withIncidentDesk<T>(
  place: DeskPlace,
  work: (desk: IncidentDesk) => Promise<T>,
): Promise<T> {
  const server = serverOf(place);
  if (server !== null)
    return work(new ApiClient(server, place.env['ALLCLEAR_TOKEN']?.trim() ?? '', place.signal));
  const { withLocalDesk } = await import('./local-desk.ts');
  return withLocalDesk(place, work);
}
