/** Seconds one execution of a check may take when it states none. */
export const DEFAULT_CHECK_SECONDS = 30;
