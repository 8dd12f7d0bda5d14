/** Symptom bullets lend their figures to checks of the same subject that state none. */
import { bindExpectation } from './bind.ts';
import { conditionOrQuestion } from './checks.ts';
import { type Expectation, readExpectation } from './expectations.ts';
import type { Check } from './model.ts';
import { topicsOf } from './quantities.ts';
import type { SectionBlocks } from './sections.ts';

/** A symptom section with more bullets than this is no list of symptoms. */
const MAX_BULLETS = 100;

/**
 * Gives each Diagnosis check without a condition the one symptom that speaks of exactly what it
 * measures. Two symptoms that fit, or one whose words the check lacks, give nothing.
 */
export function adoptSymptoms(checks: readonly Check[], sections: readonly SectionBlocks[]): Check[] {
  const wanting = checks.some((check) => isWanting(check));
  const symptoms = wanting ? readSymptoms(sections) : [];
  if (symptoms.length === 0) return [...checks];
  return checks.map((check) => {
    if (!isWanting(check)) return check;
    const about = topicsOf(`${check.label} ${check.command}`);
    const bound = symptoms.flatMap((symptom) => {
      const topics = topicsOf(symptom.subject);
      if (topics.size === 0 || [...topics].some((topic) => !about.has(topic))) return [];
      const cel = bindExpectation(symptom, { ...check, shared: true });
      return cel === null ? [] : [conditionOrQuestion(symptom, cel)];
    });
    return bound.length === 1 ? { ...check, ...bound[0]! } : check;
  });
}

function isWanting({ section, normal, abnormal, question }: Check): boolean {
  return section === 'diagnosis' && normal === null && abnormal === null && question === null;
}

function readSymptoms(sections: readonly SectionBlocks[]): Expectation[] {
  return sections
    .filter(({ section }) => section.name === 'symptom')
    .flatMap(({ section }) => section.prose.slice(0, MAX_BULLETS))
    .map(({ text }) => readExpectation(text, 'symptom'))
    .filter((found) => found !== null && found.claim.kind === 'compare') as Expectation[];
}
