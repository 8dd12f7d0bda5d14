export { announce } from './announce.ts';
export { type NotificationsConfig, notificationsSchema, readTargets, type Target } from './config.ts';
export type { Notice } from './notice.ts';
export { type Notifier, startNotifier } from './notifier.ts';
