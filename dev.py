#!/usr/bin/env python3
"""One command for everything: make the environment and a real ComfyUI, then show, test or serve this pack.

    python3 dev.py demo     edits pictures with Prompt-to-Prompt and leaves sheets and figures in output/demo
    python3 dev.py test     lint, types and tests; "dev.py test -- -k name" hands further arguments to pytest.
                            Tests in the browser use a Chromium, Chrome or Edge that is there (or the program that
                            the variable P2P_BROWSER names), and leave pictures of the page in output/browser.
                            With --soak it runs the endurance tests alone, with hundreds of edits instead of a few
    python3 dev.py serve    ComfyUI in the browser, with this pack and its example workflows
    python3 dev.py bench    time and memory of edits beside plain sampling and beside the published method, on
                            models of full size with random weights; leaves a page with plots in output/bench

Only the standard library is used here, and only syntax that old versions of Python can read, so that they can say
which version is needed.
"""

import argparse
import sys

OLDEST_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)
BENCH_PARTS = ("timed", "counted", "records")
DEMO_KINDS = ("replace", "blend", "refine", "reweight", "move", "together", "maps", "record", "adjust", "guidance")


def python_problem(version):
    """Return one sentence when this version of Python cannot be used, else None."""
    if OLDEST_PYTHON <= (version[0], version[1]) <= NEWEST_PYTHON:
        return None
    age = "old" if (version[0], version[1]) < OLDEST_PYTHON else "new"
    text = "Python {}.{} is too {}: start dev.py with Python 3.10 to 3.13, for example python3.12 dev.py."
    return text.format(version[0], version[1], age)


def build_parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="{demo,test,serve,bench}")
    host = argparse.ArgumentParser(add_help=False)
    host.add_argument("--comfyui", metavar="DIR", help="use this ComfyUI checkout, not the pinned one")
    server = argparse.ArgumentParser(add_help=False, parents=[host])
    server.add_argument("--output", metavar="DIR", help="folder for the pictures (default: output/COMMAND)")
    server.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to sample")
    server.add_argument("--checkpoint", metavar="FILE", help="an SDXL checkpoint, not the embedded mini model")
    server.add_argument("--port", type=int, metavar="N", help="port on 127.0.0.1 (default: a free one)")
    demo = commands.add_parser("demo", parents=[server], help="edit pictures and measure the edits")
    demo.add_argument("--seeds", type=int, default=8, metavar="N", help="pictures per edit (default: 8)")
    demo.add_argument("--steps", type=int, default=20, metavar="N", help="sampling steps (default: 20)")
    demo.add_argument("--only", nargs="+", choices=DEMO_KINDS, metavar="KIND", help="of " + ", ".join(DEMO_KINDS))
    demo.add_argument("--full", action="store_true", help="more scenes of every kind")
    test = commands.add_parser("test", parents=[host], help="lint, types and tests (arguments after -- go to pytest)")
    test.add_argument("--soak", action="store_true", help="only the endurance tests, for hours instead of seconds")
    commands.add_parser("serve", parents=[server], help="ComfyUI in the browser with this pack")
    bench = commands.add_parser("bench", parents=[host], help="what edits cost beside plain sampling")
    bench.add_argument("--output", metavar="DIR", help="folder for the results (default: output/bench)")
    bench.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to sample")
    bench.add_argument("--only", nargs="+", choices=BENCH_PARTS, metavar="PART", help="of " + ", ".join(BENCH_PARTS))
    return parser


def parse(arguments):
    """Return the options of one call; what follows ``--`` is for pytest."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = build_parser()
    options = parser.parse_args(arguments[:cut])
    options.pytest_arguments = arguments[cut + 1 :]
    if not options.command:
        parser.error("say what to do: demo, test, serve or bench")
    if options.pytest_arguments and options.command != "test":
        parser.error("only test takes arguments after --")
    return options


def main(arguments):
    """Do what the command line asks and return the exit code."""
    problem = python_problem(sys.version_info)
    if problem:
        sys.stderr.write(problem + "\n")
        return 2
    options = parse(arguments)
    from development.commands import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
