"""Counts constructions that make English hard to read, in comments, docstrings, messages and documentation.

`python docs/wording/check.py` lists each one that `allowed.txt` does not have, and fails when there is one; `--count`
prints the number per construction. `make lint` runs it. docs/wording/README.md has the rules and their replacements.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
ALLOWED = HERE / "allowed.txt"
PROSE = (".md", ".proto")
CODE = (".ts", ".tsx", ".mjs", ".css", ".html", ".toml", ".yaml")
NOT_OURS = ("gen/", "docs/wording/", "docs/api/", "CHANGELOG.md", "LICENSE", "docs/benchmarks.md", "requirements/")

CONSTRUCTIONS = {
    "headless what/who": r"\b(?:what|who|whoever|whatever|whose)\b(?! (?:kind|if|else)\b)(?!'s)",
    "says/said/tells": r"\b(?:says|said|tells|told)\b",
    "is none": r"\b(?:is|are|was|were|be) none\b|\bthere (?:is|are) none\b|\bhas none\b",
    "nobody/somebody/whoever": r"\b(?:nobody|somebody|anybody|everybody|whoever)\b",
    "dropped per": (
        r"\b(?:a|one|two|three|four|five|\d+|many|often|times|once|twice) "
        r"(?:chunks?|bytes|events|rows|sessions?|messages?|requests?|frames?|minutes?|seconds?)? ?(?:a|each|every) "
        r"(?:chunk|second|minute|hour|day|session|window|core|connection|call|row|message|page|visitor|viewer|project|file"
        r"|line)\b"
    ),
    "so many/so long": r"\b(?:so many|so much|so long|so often|so far)\b(?! as\b| that\b)",
    "he/she": r"\b(?:he|she|him|his|her|himself|herself)\b",
    "behind for after": r"\b[Bb]ehind (?:a hole|the last|the cursor)\b",
}
PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in CONSTRUCTIONS.items()}
# A string of code that people read: words with spaces between.
SENTENCE = re.compile(r"[A-Za-z][a-z]+ [a-z]+ [a-z]+")


def tracked() -> list[str]:
    """Returns the paths of the files with words, relative to the root."""
    command = ["git", "ls-files"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    return [
        path
        for path in listed
        if not path.startswith(NOT_OURS)
        and (path.endswith((".py", *PROSE, *CODE)) or path == "Makefile")
        and "package-lock" not in path
        and Path(path).is_file()
    ]


def python_words(text: str) -> list[tuple[int, str]]:
    """Returns line numbers and texts of the comments, docstrings and sentences of a module."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and SENTENCE.search(token.string)):
            lines = token.string.splitlines()
            found += [(token.start[0] + number, line) for number, line in enumerate(lines)]
    return found


def code_words(text: str) -> list[tuple[int, str]]:
    """Returns line numbers and texts of comments and of lines with a sentence in quotes or between tags."""
    found, in_comment = [], False
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        starts = bare.startswith(("/*", "//", "*", "#", "<!--")) or in_comment
        if starts:
            found.append((number, line))
        elif comment := re.search(r"\s(?://|/\*|#) .*", line):
            found.append((number, comment.group()))
        elif SENTENCE.search(line) and re.search(r"[\"'`>]", line):
            found.append((number, line))
        in_comment = (in_comment or "/*" in bare) and "*/" not in bare
    return found


def words_of(path: str) -> list[tuple[int, str]]:
    """Returns line numbers and texts of what people read in a file."""
    text = Path(path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        return python_words(text)
    if path.endswith(PROSE):
        return list(enumerate(text.splitlines(), 1))
    return code_words(text)


def main() -> int:
    """Prints the findings; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", action="store_true", help="print the number per construction")
    parser.add_argument("paths", nargs="*", help="files or folders; default: all")
    arguments = parser.parse_args()
    allowed = set(ALLOWED.read_text(encoding="utf-8").splitlines()) if ALLOWED.exists() else set()
    counts: Counter[str] = Counter()
    for path in tracked():
        if arguments.paths and not path.startswith(tuple(arguments.paths)):
            continue
        for number, line in words_of(path):
            if line.strip() in allowed:
                continue
            for name, pattern in PATTERNS.items():
                hits = pattern.findall(line)
                counts[name] += len(hits)
                if hits and not arguments.count:
                    sys.stdout.write(f"{path}:{number}: {name}: {line.strip()[:140]}\n")
    if arguments.count:
        for name in PATTERNS:
            sys.stdout.write(f"{counts[name]:6} {name}\n")
        sys.stdout.write(f"{counts.total():6} in all\n")
        return 0
    return 1 if counts.total() else 0


if __name__ == "__main__":
    sys.exit(main())
