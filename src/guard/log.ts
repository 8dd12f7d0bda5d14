/** Structured notices of the guard: one object each, for stderr. */
export type LogEntry = { readonly event: string } & Readonly<
  Record<string, string | number | boolean | null | undefined>
>;
export type Log = (entry: LogEntry) => void;
