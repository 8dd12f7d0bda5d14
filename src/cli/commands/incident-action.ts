/** `allclear incidents skip | decide | note …`: one action on one incident, and where it stands then. */
import type { Done } from '../../app/api-client.ts';
import { actionBody, wholeId } from '../../app/incident-desk.ts';
import { withIncidentDesk } from '../../app/open-incident-desk.ts';
import type { ActionKind } from '../../engine/index.ts';
import { doneText } from '../incident-view.ts';
import type { Io } from '../io.ts';

export interface RemoteOptions {
  readonly server?: string;
  readonly json?: boolean;
}

export async function incidentActionCommand(
  given: string,
  action: { readonly kind: ActionKind; readonly body: object },
  options: object,
  io: Io,
): Promise<number> {
  const { server, json } = options as RemoteOptions;
  const body = actionBody(action.kind, action.body);
  const done = await withIncidentDesk({ ...io, server }, async (desk) =>
    desk.act(await wholeId(desk, given), action.kind, body),
  );
  printDone(done, json === true, io);
  return 0;
}

export function printDone({ did, incident }: Done, json: boolean, io: Io): void {
  if (json) io.out(`${JSON.stringify(incident, null, 2)}\n`);
  else io.out(doneText(did, incident, io));
}
