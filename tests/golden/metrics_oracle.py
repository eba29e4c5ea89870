#!/usr/bin/env python3
"""Reads what metrics_tool prints with the parsers of Prometheus' own client library, in both formats
and with every option. Usage: metrics_oracle.py METRICS_TOOL"""

import itertools
import subprocess
import sys
import unittest

try:
    from prometheus_client import openmetrics, parser
    import prometheus_client.openmetrics.parser
except ImportError:
    print("skipped: no prometheus_client (Debian: python3-prometheus-client)")
    sys.exit(77)

TOOL = sys.argv[1]
ODD = 'odd "name"\\n,\n}'


def families(*words):
    text = subprocess.run([TOOL, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    read = openmetrics.parser if words[0] == "open" else parser
    return {family.name: family for family in read.text_string_to_metric_families(text)}


def samples(found):
    """{(name, labels): value}; a sample that is there twice is an error."""
    out = {}
    for family in found.values():
        for sample in family.samples:
            at = (sample.name, tuple(sorted(sample.labels.items())))
            assert at not in out, at
            out[at] = sample.value
    return out


class Metrics(unittest.TestCase):
    def test_both_formats_say_the_same(self):
        for options in itertools.chain.from_iterable(
                itertools.combinations(["keys", "aliases"], n) for n in range(3)):
            text, opened = (families(form, *options) for form in ["text", "open"])
            self.assertEqual({n: f.type for n, f in text.items()},
                             {n: f.type for n, f in opened.items()})
            # The process goes on between two calls.
            self.assertEqual({at: value for at, value in samples(text).items()
                              if not at[0].startswith("process_")},
                             {at: value for at, value in samples(opened).items()
                              if not at[0].startswith("process_")})

    def test_values(self):
        found = samples(families("text"))
        model = (("model", "plain"),)
        self.assertEqual(found["hence_prompt_tokens_total", model], 600)
        self.assertEqual(found["hence_core_seconds_total", model], 2e-9)
        self.assertEqual(found["hence_joules_total", model], 25)
        self.assertAlmostEqual(found["hence_kv_cache_used_ratio", model], 1 / 3)
        self.assertEqual(found["hence_requests_running", (("model", ODD),)], 3)
        self.assertEqual(found["hence_http_responses_total", (("code", "404"),)], 1)
        self.assertEqual(found["hence_open_connections", ()], 7)

    def test_histograms_add_up(self):
        """The parser of OpenMetrics checks order and sums of buckets itself."""
        for family in families("open", "aliases").values():
            if family.type != "histogram":
                continue
            counts = [s.value for s in family.samples if s.labels.get("le") == "+Inf"]
            self.assertEqual(counts, [s.value for s in family.samples
                                      if s.name.endswith("_count")])

    def test_keys_are_a_label(self):
        found = samples(families("text", "keys"))
        self.assertEqual(found["hence_prompt_tokens_total",
                               (("key", "k2"), ("model", "plain"))], 300)

    def test_names_that_dashboards_for_vllm_use(self):
        found = families("text", "aliases")
        for name, kind in [
                ("time_to_first_token_seconds", "histogram"),
                ("inter_token_latency_seconds", "histogram"),
                ("time_per_output_token_seconds", "histogram"),
                ("e2e_request_latency_seconds", "histogram"),
                ("request_queue_time_seconds", "histogram"),
                ("request_prefill_time_seconds", "histogram"),
                ("request_decode_time_seconds", "histogram"),
                ("request_prompt_tokens", "histogram"),
                ("request_generation_tokens", "histogram"),
                ("num_requests_running", "gauge"), ("num_requests_waiting", "gauge"),
                ("kv_cache_usage_perc", "gauge"), ("gpu_cache_usage_perc", "gauge"),
                ("prompt_tokens", "counter"), ("generation_tokens", "counter"),
                ("prefix_cache_queries", "counter"), ("prefix_cache_hits", "counter"),
                ("num_preemptions", "counter"), ("request_success", "counter")]:
            family = found["vllm:" + name]
            self.assertEqual(family.type, kind, name)
            labels = family.samples[0].labels
            self.assertEqual((labels["model_name"], labels["engine"]), ("plain", "0"))
        self.assertFalse([name for name in families("text") if name.startswith("vllm")])


if __name__ == "__main__":
    result = unittest.TextTestRunner(stream=sys.stdout).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
