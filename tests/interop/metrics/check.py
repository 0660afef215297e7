"""OpenMetrics text, as the Prometheus project's own parser reads it.

    check.py < TEXT

The parser is the strict one: it wants `# EOF`, names that fit their types and units, buckets that add up, families in one
piece. Prints JSON: {family: {"type", "unit", "help", "samples": [{"name", "labels", "value"}]}}. The exit code is 1 where
the text is not OpenMetrics, or says something twice.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def main():
    text = sys.stdin.buffer.read().decode("utf-8")
    families = {}
    for family in text_string_to_metric_families(text):
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
