/** What a configuration file says about alerts. */
import { z } from 'zod';
import { IDENTIFYING_LABELS, SITE_LABEL, STILL_FIRING_MS } from './receive.ts';

const labelName = z
  .string()
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'it takes the name of a label, for example cluster')
  .max(200);

/** Keys at the top of `allclear.yaml`. */
export const intakeConfig = {
  'identify-by': z
    .array(labelName)
    .min(1)
    .max(20)
    .default([...IDENTIFYING_LABELS])
    .describe(
      'Labels that tell one affected system from another: alerts that agree on them are one incident',
    ),
  'site-label': labelName
    .default(SITE_LABEL)
    .describe('The label that names the site where commands must run'),
  'still-firing-seconds': z
    .number()
    .min(0)
    .max(86_400)
    .default(STILL_FIRING_MS / 1000)
    .describe('An alert that is repeated so long after verify held is evidence against the runbook’s Verify'),
} as const;
