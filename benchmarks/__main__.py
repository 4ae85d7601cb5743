"""./run bench NAME [--json] [options]

A benchmark is a module of this folder with
    SUMMARY                    one line for the list
    add_arguments(parser)      its options
    measure(options) -> dict   the figures, plain JSON values; says what it is doing on stderr
    table(figures) -> str      the same for people
    failed(figures) -> bool    optional: does this count as a failure (exit code 1)?
"""

import argparse
import importlib
import json
import pkgutil
import signal
import sys

import benchmarks


def main() -> int:
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        for name in names:
            print(f"{name:12} {getattr(importlib.import_module(f'benchmarks.{name}'), 'SUMMARY', '')}")
        return 0 if len(sys.argv) < 2 else 2
    module = importlib.import_module(f"benchmarks.{sys.argv[1]}")
    parser = argparse.ArgumentParser(prog=f"./run bench {sys.argv[1]}", description=module.SUMMARY)
    parser.add_argument("--json", action="store_true", help="one object, as the last line")
    module.add_arguments(parser)
    options = parser.parse_args(sys.argv[2:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it has started is ended too
    figures = module.measure(options)
    print(json.dumps(figures) if options.json else module.table(figures))
    return int(getattr(module, "failed", lambda _: False)(figures))


if __name__ == "__main__":
    sys.exit(main())
