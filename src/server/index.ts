export { type AccessOptions, ServiceAccess } from './access/access.ts';
export { type AccessConfig, accessConfig, publicUrl } from './access/config.ts';
export type { OwnNames } from './access/hosts.ts';
export { identityProvider } from './access/identity-provider.ts';
export type { RequestLimits } from './access/limits.ts';
export { readSecret } from './access/secret-source.ts';
export type { SessionTimes } from './access/sessions.ts';
export type { WebhookSecret } from './access/webhook-secret.ts';
export type { App } from './app.ts';
export type { Access, RouteAccess } from './gate.ts';
export type {
  AgentDesk,
  Diagnosis,
  DiagnosisWish,
  IncidentFilter,
  RunbookCard,
  RunbookText,
  TimelineLine,
} from './mcp/agent-desk.ts';
export { makeMcpServer } from './mcp/mcp-server.ts';
export { mcpRoutes } from './mcp/routes.ts';
export type { Readiness, ServerOptions } from './options.ts';
export { createServer } from './server.ts';
export type { RunbookShelf, ShelfProblem, ShelvedRunbook } from './shelf.ts';
export type { RequestLogging } from './trace.ts';
