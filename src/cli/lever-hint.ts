const MAX_HINTS = 5;

/**
 * `Set MAX_INIT_PER_SECOND=50 …` in prose → the command that does it, for levers that exist. Held for the
 * incident, so that it goes back on all clear.
 */
export async function leverHints(prose: string, incident: string): Promise<string[]> {
  const { leverNames } = await import('../guard/index.ts');
  const names = leverNames.join('|');
  const setting = new RegExp(String.raw`\b(${names})(\[[\w.-]{1,60}\])?\s*=\s*([\w.,:-]{1,60})`, 'g');
  const assignments = [...prose.matchAll(setting)].map(([, name, tool = '', value]) => {
    const assignment = `${name}${tool}=${value!.replace(/[.,:]+$/, '')}`;
    return tool === '' ? assignment : `'${assignment}'`;
  });
  return [...new Set(assignments)]
    .slice(0, MAX_HINTS)
    .map((assignment) => `ALLCLEAR_INCIDENT=${incident} allclear lever set ${assignment}`);
}
