import type { PartContext } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import {
  type SignedInFleetCommand,
  type SignedInFleetReport,
  type SignedInFleetSettings,
  signedInFleetOptionsSchema,
  signedInFleetReportSchema,
} from './messages.ts';

/** A running fleet of signed-in MCP hosts. */
export type SignedInFleet = ReportingChild<SignedInFleetReport, SignedInFleetCommand>;

/** Starts the fleet in a process of its own; no client connects before it is told to. Errors: `E_CHILD_ENDED`, `E_TIMEOUT`. */
export function startSignedInFleet(
  settings: SignedInFleetSettings,
  context: PartContext,
): Promise<SignedInFleet> {
  return ReportingChild.start<SignedInFleetReport, SignedInFleetCommand>(
    {
      name: 'fleet',
      main: 'token-cascade/signed-in-fleet-main',
      settings: signedInFleetOptionsSchema.parse(settings),
      report: signedInFleetReportSchema,
    },
    context,
  );
}
