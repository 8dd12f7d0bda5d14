export { type Coverage, coverageOf, type DeadLink, hasGaps, isWebLink } from './coverage.ts';
export { type AlertIntake, createIntake, type IntakeOptions } from './create-intake.ts';
export type { IncomingAlert } from './incoming-alert.ts';
export { intakeConfig } from './intake-config.ts';
export { type Intake, type Received, receive } from './receive.ts';
export {
  MAX_WEBHOOK_BYTES,
  parseWebhook,
  type WebhookMessage,
  webhookBody,
} from './webhook.ts';
