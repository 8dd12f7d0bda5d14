import { alertExists } from './alert-exists.ts';
import { alertLinked } from './alert-linked.ts';
import { braceInAttribute } from './brace-in-attribute.ts';
import { checkHasCondition } from './check-has-condition.ts';
import { confirmNames } from './confirm-names.ts';
import { duplicateName } from './duplicate-name.ts';
import { fourSections } from './four-sections.ts';
import { historyOrder } from './history-order.ts';
import { labelInterpolation } from './label-interpolation.ts';
import { reviewOverdue } from './review-overdue.ts';
import type { Rule } from './rule.ts';
import { stepHasRisk } from './step-has-risk.ts';
import { unknownAttribute } from './unknown-attribute.ts';
import { untaggedFence } from './untagged-fence.ts';
import { verifyReachable } from './verify-reachable.ts';

/** Every rule, in the order of the documentation. */
export const rules: readonly Rule[] = [
  fourSections,
  checkHasCondition,
  stepHasRisk,
  verifyReachable,
  alertLinked,
  alertExists,
  reviewOverdue,
  unknownAttribute,
  untaggedFence,
  braceInAttribute,
  labelInterpolation,
  historyOrder,
  confirmNames,
  duplicateName,
];
