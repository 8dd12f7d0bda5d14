/** The sandbox for checks, with what Allclear itself needs in it. */
import { fileURLToPath } from 'node:url';
import { probeSandbox, type Sandbox, type SandboxSettings, sandboxSettings } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';

/** Checks may call `allclear`, also from a checkout below a folder that is hidden. */
const OWN_FOLDER = fileURLToPath(new URL('../..', import.meta.url));

/** Tries what the system offers, once. Errors: none; why there is no sandbox stands in the result. */
export function openSandbox(settings: SandboxSettings): Promise<Sandbox> {
  return probeSandbox({ ...settings, show: [OWN_FOLDER, ...settings.show] });
}

/** @throws AllclearError `E_SANDBOX` */
export async function requireSandbox(): Promise<Sandbox> {
  const sandbox = await openSandbox(sandboxSettings.parse({ mode: 'required' }));
  if (sandbox.state === 'closed') return sandbox;
  throw new AllclearError('E_SANDBOX', {
    what: sandbox.why,
    next: 'Run `allclear doctor`, which says what to install; or leave --sandbox away.',
  });
}
