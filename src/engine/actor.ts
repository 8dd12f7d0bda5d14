/** Who acts, and what each role may do. Roles include those before them. */
import { AllclearError } from '../kernel/index.ts';

export const roles = ['viewer', 'responder', 'approver', 'admin'] as const;
export type Role = (typeof roles)[number];

export interface Actor {
  /** The person or program: two tokens of one person are one person, also when approvals are counted. */
  readonly name: string;
  readonly role: Role;
  /** `agent`: through the MCP endpoint, where nothing can be approved, whatever the role. */
  readonly via: 'local' | 'token' | 'login' | 'agent';
}

export function isRole(text: string): text is Role {
  return roles.some((role) => role === text);
}

export function includesRole(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** @throws `E_FORBIDDEN` when the actor's role does not include `needed` */
export function requireRole(actor: Actor, needed: Role, what: string): void {
  if (includesRole(actor.role, needed)) return;
  throw new AllclearError('E_FORBIDDEN', {
    what: `${what} needs the role ${needed}, and ${actor.name} is ${actor.role}`,
    next: `Ask somebody with that role, or an admin for a token that has it.`,
  });
}
