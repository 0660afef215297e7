-- What wrk measured, as the last line of its output: one JSON object. Latencies are in microseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"microseconds":%d,"connection_errors":%d,"status_errors":%d,' ..
      '"latency_p50":%d,"latency_p99":%d}\n',
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.timeout, errors.status,
      latency:percentile(50), latency:percentile(99)))
end
