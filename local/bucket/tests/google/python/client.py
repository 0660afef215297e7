"""Google's Python client against the embedded bucket: runs all checks, in their order.

Exit status 0 if each of them passes; those that fail are printed. See common for the environment.
"""

import sys
import time
import traceback

from importlib import import_module

from common import checks, faults

MODULES = ["uploads", "objects", "signed_urls", "access"]


def main():
    for module in MODULES:
        # Adds its checks.
        import_module(module)
    failed = 0
    for function in checks:
        title = function.__name__.replace("_", " ")
        started = time.monotonic()
        try:
            if faults.are_set:
                faults()
            function()
            print(f"ok      {title} ({time.monotonic() - started:.1f} s)")
        except Exception:
            failed += 1
            print(f"FAILED  {title}\n{traceback.format_exc()}")
    sys.exit(1 if failed else 0)


main()
