export { findRunbook } from './library.ts';
export { type Intake, type Received, receive } from './receive.ts';
