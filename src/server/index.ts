export type { App } from './app.ts';
export { type Access, actorOf, type RouteAccess } from './gate.ts';
export type { Readiness, ServerOptions } from './options.ts';
export { createServer } from './server.ts';
export type { RunbookShelf, ShelfProblem, ShelvedRunbook } from './shelf.ts';
