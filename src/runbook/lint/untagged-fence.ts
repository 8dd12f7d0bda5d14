import type { Rule } from './rule.ts';

const RUNS: ReadonlySet<string> = new Set(['diagnosis', 'remediation', 'verify']);
const COMMANDS =
  /^(?:sudo |kubectl|oc |docker|podman|helm|curl|wget|journalctl|systemctl|ssh|psql|mysql|redis-cli|etcdctl|aws|gcloud|az|grep|cat|tail|ps|top|df|du|free|ls|cd|export|echo|allclear|for |if |npm|node|python)\b/;
const QUERY =
  /^(?:(?:sum|rate|irate|increase|max|min|avg|count|topk|histogram_quantile|absent|up)\b[\s({]|[a-z_:][a-z0-9_:]*(?:_total|_seconds|_bytes|_count|_bucket|_ratio)\b|[a-zA-Z_:][\w:]*\{[^}]*\})/;

/**
 * A fence without a language is shown, never run. In a section that runs, say what it is: the rule
 * suggests a tag by what the fence holds.
 *
 * Good:
 *
 * ````markdown
 * ## Diagnosis
 * ```bash
 * # Errors (should be zero)
 * wc -l errors.log
 * ```
 * ```text
 * level=error msg="boom"
 * ```
 * ````
 *
 * Bad, line 2:
 *
 * ````markdown
 * ## Diagnosis
 * ```
 * kubectl get pods
 * ```
 * ````
 */
export const untaggedFence: Rule = {
  name: 'untagged-fence',
  severity: 'warning',
  *check({ sections }) {
    for (const { name, fences } of sections) {
      if (!RUNS.has(name)) continue;
      for (const { tag, code, line } of fences) {
        if (tag !== '') continue;
        const suggestion = suggestTag(code);
        const runs = suggestion !== 'text';
        yield {
          line,
          severity: runs ? 'warning' : 'info',
          message: runs
            ? `this fence has no language and does not run; it looks like ${suggestion}`
            : 'this fence has no language and does not run; tag it "text" if that is meant',
          expected: suggestion,
        };
      }
    }
  },
};

function suggestTag(code: string): 'bash' | 'console' | 'promql' | 'text' {
  const first = code
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !line.startsWith('#'));
  if (first === undefined) return 'text';
  if (first.startsWith('$ ')) return 'console';
  if (COMMANDS.test(first)) return 'bash';
  return QUERY.test(first) ? 'promql' : 'text';
}
