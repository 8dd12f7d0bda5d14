/** Structured notices of a program that runs for long: one object each. What leads nowhere for people stays out of it. */
export type LogEntry = { readonly event: string } & Readonly<
  Record<string, string | number | boolean | null | undefined>
>;
export type Log = (entry: LogEntry) => void;
