import { array, assert, constantFrom, letrec, oneof, property, record, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from './cel.ts';
import type { Judgement, Reading } from './model.ts';
import { condition, testRunbook } from './testing.ts';
import { judgeVerdict, signatureName, threeValued } from './verdict.ts';

function reading(check: string, judgement: Judgement, changes: Partial<Reading> = {}): Reading {
  return {
    check,
    label: check,
    section: 'diagnosis',
    judgement,
    informational: false,
    value: 5,
    shown: 'rate 312/s',
    normal: condition('rate < 100', true),
    abnormal: null,
    question: null,
    why: '',
    output: '',
    exit: 0,
    error: null,
    startedAt: 0,
    durationMs: 1,
    ...changes,
  };
}

function judged(
  judgements: readonly Judgement[],
  confirm: string | null = null,
): { verdict: string; why: string } {
  const readings = judgements.map((judgement, index) => reading(`check-${index}`, judgement));
  return judgeVerdict(testRunbook([], confirm), readings);
}

describe('the verdict without a signature', () => {
  it.each([
    [['abnormal'], 'confirmed'],
    [['abnormal', 'abnormal', 'unknown', 'error'], 'confirmed'],
    [['normal'], 'ruled-out'],
    [['normal', 'normal', 'error'], 'ruled-out'],
    [['abnormal', 'normal'], 'inconclusive'],
    [['unknown', 'error'], 'inconclusive'],
    [[], 'inconclusive'],
  ] as const)('of %j is %s', (judgements, expected) => {
    expect(judged(judgements).verdict).toBe(expected);
  });

  it('names the readings that decided, and those that could not', () => {
    const { why } = judgeVerdict(testRunbook([]), [
      reading('initialize-rate', 'abnormal'),
      reading('restart', 'error'),
      reading('cpu', 'unknown'),
      reading('sessions', 'unknown', { informational: true }),
    ]);
    expect(why).toBe(
      'One check is abnormal: initialize rate 312/s (normal: rate < 100, inferred); broken: restart; undecided: cpu.',
    );
  });

  it('says what speaks for and what against', () => {
    expect(judged(['abnormal', 'normal']).why).toMatch(
      /^One check is abnormal: .*, but one check is normal: /,
    );
  });

  it('keeps the sentence short where many decided', () => {
    const { why } = judged(Array.from({ length: 40 }, () => 'abnormal' as const));
    expect(why).toMatch(/^40 checks are abnormal: .*; and 37 more\.$/);
    expect(why.length).toBeLessThan(300);
  });

  it('looks at Diagnosis only, and keeps all readings in order', () => {
    const readings = [reading('a', 'abnormal'), reading('b', 'normal', { section: 'verify' })];
    const verdict = judgeVerdict(testRunbook([]), readings);
    expect(verdict).toMatchObject({ verdict: 'confirmed', runbook: 'test', readings });
  });
});

describe('the verdict by a signature', () => {
  it.each([
    ['check_0 && (check_1 || check_2)', ['abnormal', 'normal', 'abnormal'], 'confirmed'],
    ['check_0 && (check_1 || check_2)', ['abnormal', 'normal', 'normal'], 'ruled-out'],
    ['check_0 && (check_1 || check_2)', ['abnormal', 'normal', 'error'], 'inconclusive'],
    ['check_0 && (check_1 || check_2)', ['abnormal', 'abnormal', 'unknown'], 'confirmed'],
    ['check_0 && (check_1 || check_2)', ['normal', 'error', 'unknown'], 'ruled-out'],
    ['check_0 || !check_0', ['unknown'], 'confirmed'],
    ['!check_0 && check_1', ['normal', 'abnormal'], 'confirmed'],
  ] as const)('%s over %j is %s', (confirm, judgements, expected) => {
    expect(judged(judgements, confirm).verdict).toBe(expected);
  });

  it('names the signature and its readings, not the others', () => {
    const { why } = judged(['abnormal', 'error', 'abnormal'], 'check_0 && check_1');
    expect(why).toBe(
      'The signature `check_0 && check_1` cannot be decided: check 0 rate 312/s (normal: rate < 100, inferred); broken: check 1.',
    );
  });

  it.each(['check_0 &&', 'no_such_check', 'check_0 ? 1 : 2', '1 + 1'])(
    'that cannot be used is inconclusive: %s',
    (confirm) => {
      const { verdict, why } = judged(['abnormal'], confirm);
      expect(verdict).toBe('inconclusive');
      expect(why).toMatch(/^The signature cannot be used\./);
    },
  );

  it('gives up where too much is undecided', () => {
    const names = Array.from({ length: 14 }, (_, index) => `check_${index}`);
    const undecided = names.map(() => 'unknown' as const);
    expect(judged(undecided, names.join(' || ')).verdict).toBe('inconclusive');
    expect(judged([...undecided, 'abnormal'], `check_14 || (${names.join(' && ')})`).verdict).toBe(
      'inconclusive',
    );
  });
});

describe('the name of a check in a signature', () => {
  it.each([
    ['initialize-rate', 'initialize_rate'],
    ['5xx-rate', '_5xx_rate'],
  ])('%s is %s', (name, expected) => {
    expect(signatureName(name)).toBe(expected);
  });
});

/** A signature, and what it means, computed without CEL. */
interface Formula {
  readonly source: string;
  readonly value: (truths: Readonly<Record<string, boolean>>) => boolean;
}

/** Every assignment that agrees with what is known. */
function ways(truths: Readonly<Record<string, boolean | null | undefined>>): Record<string, boolean>[] {
  return Object.entries(truths).reduce<Record<string, boolean>[]>(
    (all, [name, value]) =>
      all.flatMap((way) =>
        (typeof value === 'boolean' ? [value] : [true, false]).map((each) =>
          Object.assign({ [name]: each }, way),
        ),
      ),
    [{}],
  );
}

describe('three-valued evaluation', () => {
  const names = ['a', 'b', 'c', 'd'];
  const { expression } = letrec<{ expression: Formula }>((tie) => {
    const part = tie('expression');
    return {
      expression: oneof(
        { maxDepth: 4, withCrossShrink: true },
        constantFrom(...names).map((name): Formula => ({ source: name, value: (truths) => truths[name]! })),
        part.map((x): Formula => ({ source: `!(${x.source})`, value: (truths) => !x.value(truths) })),
        tuple(part, part).map(
          ([x, y]): Formula => ({
            source: `(${x.source} && ${y.source})`,
            value: (truths) => x.value(truths) && y.value(truths),
          }),
        ),
        tuple(part, part).map(
          ([x, y]): Formula => ({
            source: `(${x.source} || ${y.source})`,
            value: (truths) => x.value(truths) || y.value(truths),
          }),
        ),
        tuple(part, part, part).map(
          ([x, y, z]): Formula => ({
            source: `(${x.source} ? ${y.source} : ${z.source})`,
            value: (truths) => (x.value(truths) ? y.value(truths) : z.value(truths)),
          }),
        ),
      ),
    };
  });
  const truth = constantFrom(true, false, null);

  it('is decided exactly when every way to decide the unknown agrees', () => {
    assert(
      property(expression, record({ a: truth, b: truth, c: truth, d: truth }), (formula, truths) => {
        if (formula.source.length > 1500) return;
        const compiled = compile(formula.source, names);
        const used = Object.fromEntries(compiled.names.map((name) => [name, truths[name as 'a']]));
        const outcomes = new Set(ways(used).map((way) => formula.value(way)));
        expect(threeValued(compiled, used)).toBe(outcomes.size === 1 ? [...outcomes][0] : null);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, whatever the signature', () => {
    assert(
      property(
        string(),
        array(constantFrom<Judgement>('normal', 'abnormal', 'unknown', 'error'), { maxLength: 5 }),
        (confirm, judgements) => {
          expect(['confirmed', 'ruled-out', 'inconclusive']).toContain(judged(judgements, confirm).verdict);
        },
      ),
    );
  });
});
