// Google's JavaScript client against the embedded bucket: runs all checks, in their order.
//
// Exit status 0 if each of them passes; those that fail are printed. See common.mjs for the environment.

import { performance } from 'node:perf_hooks';

// Each of these adds its checks.
import './uploads.mjs';
import './objects.mjs';
import './signed-urls.mjs';
import './access.mjs';
import { checks, faults, faultsAreSet } from './common.mjs';

let failed = 0;
for (const { title, run } of checks) {
  const started = performance.now();
  try {
    if (faultsAreSet) await faults();
    await run();
    console.log(`ok      ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${title}\n${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
