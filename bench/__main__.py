"""`python -m bench` lists the benchmarks; `python -m bench NAME` runs one."""

import ast
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    """Run the named benchmarks one after another, or list what there is."""
    known = {p.stem: p for p in sorted(HERE.glob("*.py")) if not p.stem.startswith("__")}
    known |= {p.parent.name: p for p in sorted(HERE.glob("*/__main__.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there is: {', '.join(known)}")
        return 2
    for name in names:
        sys.argv = [f"bench/{name}.py"]
        runpy.run_module(f"bench.{name}", run_name="__main__")
    if not names:
        for name, path in known.items():
            summary = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
            print(f"  {name:10} {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
