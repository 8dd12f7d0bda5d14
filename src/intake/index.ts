export { receive } from './receive.ts';
export {
  MAX_WEBHOOK_BYTES,
  parseWebhook,
  type WebhookMessage,
  webhookBody,
} from './webhook.ts';
