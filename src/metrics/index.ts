export type { Alert, Labels, MetricsSource, QueryResult, Sample, Series } from './model.ts';
