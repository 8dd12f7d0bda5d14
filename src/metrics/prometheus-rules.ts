/** The alerting rules that a running Prometheus has loaded, as its `/api/v1/rules` lists them. */
import { z } from 'zod';

export interface LoadedAlert {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The rule file, as Prometheus names it. */
  readonly file: string;
}

const rule = z.object({
  type: z.string(),
  name: z.string(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const list = z.object({ groups: z.array(z.object({ file: z.string().default(''), rules: z.array(rule) })) });

/** Null when it is not of that form. Older versions list recording rules as well: they are passed over. */
export function readAlertRules(data: unknown): LoadedAlert[] | null {
  const read = list.safeParse(data);
  if (!read.success) return null;
  return read.data.groups.flatMap(({ file, rules }) =>
    rules
      .filter(({ type }) => type === 'alerting')
      .map(({ name, annotations }) => ({ name, annotations: annotations ?? {}, file })),
  );
}
