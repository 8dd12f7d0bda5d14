/** Runbooks as resources, `runbook://ID`. */
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { toAllclearError } from '../../kernel/index.ts';
import type { AgentContext } from './agent-context.ts';

const MARKDOWN = 'text/markdown';
/** A list that a client can show; search finds the others. */
const MAX_LISTED = 1_000;
const MAX_COMPLETIONS = 100;

export function runbookUri(id: string): string {
  return `runbook://${encodeURIComponent(id)}`;
}

export function addResources(server: McpServer, { desk }: AgentContext): void {
  const list = () => ({
    resources: desk
      .runbooks()
      .slice(0, MAX_LISTED)
      .map(({ id, title, summary }) => ({
        uri: runbookUri(id),
        name: id,
        title,
        ...(summary !== '' && { description: summary }),
        mimeType: MARKDOWN,
      })),
  });
  const template = new ResourceTemplate('runbook://{id}', {
    list,
    complete: { id: (typed) => idsLike(desk, typed) },
  });
  server.registerResource(
    'runbook',
    template,
    {
      title: 'Runbook',
      description: 'How to recognise, confirm, fix and verify one failure mode',
      mimeType: MARKDOWN,
    },
    ({ href }, { id }) => {
      try {
        const { text } = desk.readRunbook(decodeURIComponent(String(id)));
        return { contents: [{ uri: href, mimeType: MARKDOWN, text }] };
      } catch (error) {
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, toAllclearError(error).details.what, {
          uri: href,
        });
      }
    },
  );
}

/** Ids that begin with what was typed, then those that hold it. */
export function idsLike(desk: AgentContext['desk'], typed: string): string[] {
  const wanted = typed.toLowerCase();
  const ids = desk.runbooks().map(({ id }) => id);
  const at = (id: string) => id.toLowerCase().indexOf(wanted);
  return ids
    .filter((id) => at(id) >= 0)
    .toSorted((a, b) => Math.sign(at(a)) - Math.sign(at(b)))
    .slice(0, MAX_COMPLETIONS);
}
