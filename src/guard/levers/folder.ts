/** As the store's `makeFolder`, loaded when the first folder is needed: levers without a file start faster. */
export async function makeFolder(path: string): Promise<void> {
  const store = await import('../../store/index.ts');
  await store.makeFolder(path);
}
