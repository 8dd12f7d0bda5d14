import type { Binary } from './ast.ts';
import type { Evaluation, Value, VectorSample } from './evaluation.ts';
import { matchSets, matchVectors } from './matching.ts';
import { compute, isComparison } from './operators.ts';

/** Evaluates a binary operator on its evaluated operands. */
export function evaluateBinary(expr: Binary, left: Value, right: Value, t: number, ev: Evaluation): Value {
  if (left.type === 'scalar' && right.type === 'scalar') {
    return { type: 'scalar', value: compute(expr.op, left.value, right.value) };
  }
  if (left.type === 'vector' && right.type === 'vector') {
    const isSet = expr.matching.card === 'many-to-many';
    const match = isSet ? matchSets : matchVectors;
    return { type: 'vector', samples: match(expr, left.samples, right.samples, t, ev) };
  }
  if (left.type === 'vector' && right.type === 'scalar') {
    return { type: 'vector', samples: withScalar(expr, left.samples, right.value, false, t) };
  }
  if (left.type === 'scalar' && right.type === 'vector') {
    return { type: 'vector', samples: withScalar(expr, right.samples, left.value, true, t) };
  }
  return { type: 'vector', samples: [] };
}

/** A comparison keeps the elements it holds for, with their own value; other operators give new values and drop the name. */
function withScalar(
  expr: Binary,
  samples: readonly VectorSample[],
  scalar: number,
  scalarFirst: boolean,
  t: number,
): VectorSample[] {
  const filters = isComparison(expr.op) && !expr.bool;
  const result: VectorSample[] = [];
  for (const sample of samples) {
    const value = scalarFirst
      ? compute(expr.op, scalar, sample.value)
      : compute(expr.op, sample.value, scalar);
    if (!filters) result.push({ labels: sample.labels, value, t, dropName: true });
    else if (value === 1) result.push({ ...sample, t });
  }
  return result;
}
