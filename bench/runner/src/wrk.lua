-- What wrk measured, as the last line of its output: one JSON object. Latencies are in microseconds.
-- Where EXPECTED_STATUS is set, answers of another status are the errors, instead of all those from 400.
local expected = tonumber(os.getenv("EXPECTED_STATUS") or "")
local threads = {}
unexpected = 0

function setup(thread)
   table.insert(threads, thread)
end

if expected then
   function response(status)
      if status ~= expected then
         unexpected = unexpected + 1
      end
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   local status_errors = errors.status
   if expected then
      status_errors = 0
      for _, thread in ipairs(threads) do
         status_errors = status_errors + thread:get("unexpected")
      end
   end
   io.write(string.format(
      '{"requests":%d,"microseconds":%d,"connection_errors":%d,"status_errors":%d,' ..
      '"latency_p50":%d,"latency_p99":%d}\n',
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.timeout, status_errors,
      latency:percentile(50), latency:percentile(99)))
end
