/** `allclear incidents skip | decide | note …`: one action on one incident, and where it stands then. */
import { actionBody, wholeId, withIncidentDesk } from '../../app/incident-desk.ts';
import type { ActionKind, IncidentView } from '../../engine/index.ts';
import { standingText } from '../incident-view.ts';
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
  const view = await withIncidentDesk({ ...io, server }, async (desk) => {
    const id = await wholeId(desk, given);
    await desk.act(id, action.kind, body);
    return desk.view(id);
  });
  printStanding(view, json === true, io);
  return 0;
}

export function printStanding(view: IncidentView, json: boolean, io: Io): void {
  io.out(json ? `${JSON.stringify(view, null, 2)}\n` : standingText(view, io));
}
