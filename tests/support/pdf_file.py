"""PDF documents as other programs read them: poppler's tools, and qpdf."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from support.require import missing

PROGRAMS = ("pdfinfo", "pdftotext", "pdffonts", "pdftoppm", "qpdf")


class PdfFile:
    """A document. Skips the test where the programs are missing; it fails in CI.

    Attributes:
        facts: Properties by pdfinfo's names, such as "Tagged".
        text: All text, in one line with single spaces.
        pages: The text of each page, in the same form.
        alternatives: Descriptions of pictures.
        links: Addresses of links.
        scripts: Names of everything that would run or open something.
        outline: Headings of the outline, in order.
        tags: Names of the elements of the structure, in order.
    """

    def __init__(self, data: bytes, directory: Path, name: str = "report") -> None:
        if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
            missing(f"reports are NOT tested: {', '.join(absent)} not found (Debian: poppler-utils, qpdf)")
        self.data = data
        self.path = directory / f"{name}.pdf"
        self.path.write_bytes(data)
        self.facts = dict(re.findall(r"^([^:\n]+): +(.*)$", self._run("pdfinfo", "{}"), re.MULTILINE))
        written = self._run("pdftotext", "-layout", "{}", "-")
        self.pages = [" ".join(page.split()) for page in written.split("\f")[:-1]]
        self.text = " ".join(" ".join(self._run("pdftotext", "-raw", "{}", "-").split()).split())
        self.tags = re.findall(r"^ *([A-Za-z0-9]+)\b", self._run("pdfinfo", "-struct", "{}"), re.MULTILINE)
        plain = self._run("qpdf", "--qdf", "--object-streams=disable", "{}", "-", encoding="latin-1")
        self.alternatives = re.findall(r"/Alt \((.*?)\)\n", plain)
        self.links = re.findall(r"/URI \((.*?)\)\n", plain)
        self.scripts = re.findall(r"/(?:JavaScript|JS|Launch|EmbeddedFile|OpenAction)\b", plain)
        outline = self._run("qpdf", "--json", "--json-key=outlines", "{}")
        self.outline = re.findall(r'"title": "(.*)"', outline)

    def check(self) -> None:
        """Checks the syntax of the document, and that it has every font in it."""
        self._run("qpdf", "--check", "{}")
        fonts = self._run("pdffonts", "{}").splitlines()[2:]
        assert fonts
        assert all(line.split()[-5] == "yes" for line in fonts), fonts

    def pictures(self, dots_per_inch: int = 50) -> list[Path]:
        """Returns a picture of each page."""
        self._run("pdftoppm", "-png", "-r", str(dots_per_inch), "{}", str(self.path.with_suffix("")))
        return sorted(self.path.parent.glob(f"{self.path.stem}-*.png"))

    def _run(self, *words: str, encoding: str = "utf-8") -> str:
        argv = [word.format(self.path) for word in words]
        done = subprocess.run(argv, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode(encoding)
