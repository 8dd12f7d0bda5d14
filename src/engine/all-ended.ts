/**
 * Waits for all tasks to end, also when one fails: a command that is being stopped is gone before the
 * caller goes on. Throws the first error in the order of the tasks.
 */
export async function allEnded<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
