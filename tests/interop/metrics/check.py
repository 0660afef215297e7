"""OpenMetrics text, as the Prometheus project's own parser reads it.

    check.py < TEXT          OpenMetrics 1.0
    check.py plain < TEXT    the text format 0.0.4

OpenMetrics' parser is the strict one: it wants `# EOF`, names that fit their types and units, buckets that add up, families in one
piece. Prints JSON: {family: {"type", "unit", "help", "samples": [{"name", "labels", "value"}]}}. The exit code is 1 where
the text is not in its format, or says something twice.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain


def main():
    text = sys.stdin.buffer.read().decode("utf-8")
    families = {}
    parse = plain if sys.argv[1:] == ["plain"] else openmetrics
    for family in parse(text):
        if family.name in families:
            raise ValueError(f"{family.name} comes twice")
        if not family.documentation or family.type == "unknown":
            raise ValueError(f"{family.name} has no HELP or no TYPE")
        samples = [
            {"name": sample.name, "labels": sample.labels, "value": sample.value}
            for sample in family.samples
        ]
        seen = {(sample["name"], *sorted(sample["labels"].items())) for sample in samples}
        if len(seen) != len(samples):
            raise ValueError(f"{family.name} has a sample twice")
        families[family.name] = {
            "type": family.type,
            "unit": family.unit,
            "help": family.documentation,
            "samples": samples,
        }
    json.dump(families, sys.stdout)


main()
